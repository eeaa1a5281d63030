"""An ONNX file is looked over without a library for it, however it was damaged."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from runtime.bundle.onnx_scan import Scan, check_loops, scan_graph
from runtime.bundle.store import digest_of, open_bundle, seal
from runtime.errors import BundleError
from runtime.tagger import Tagger
from tests.certificates import vouching
from tests.fuzz.kinds.graphs import endless_loop
from tests.lookup import lookup_bundle


def saved(path: Path, *nodes: onnx.NodeProto, weights: tuple[onnx.TensorProto, ...] = ()) -> Path:
    graph = helper.make_graph(list(nodes), "g", [], [], initializer=list(weights))
    onnx.save(helper.make_model(graph), path)
    return path


def test_operators_and_weights_are_those_of_the_library(tiny_bundle: Path) -> None:
    path = tiny_bundle / "padded-fp32.onnx"
    graph = onnx.load(path, load_external_data=False).graph
    found = scan_graph(path)
    assert found.operators == Counter(node.op_type for node in graph.node)
    expected: Counter[int] = Counter()
    for one in graph.initializer:
        expected[one.data_type] += int(np.prod(one.dims))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                expected[attribute.t.data_type] += int(np.prod(attribute.t.dims))
    assert found.weights == expected
    assert found.precision == "fp32"


@pytest.mark.parametrize(
    ("operator", "bits", "precision"),
    [
        ("MatMulNBits", 4, "int4"),
        ("MatMulNBits", 8, "int8"),
        ("MatMulBnb4", 0, "int4"),
        ("MatMulInteger", 0, "int8"),
        ("QuantizeLinear", 0, "int8"),
        ("MatMul", 0, "fp32"),
    ],
)
def test_the_precision_by_operators(operator: str, bits: int, precision: str, tmp_path: Path) -> None:
    node = helper.make_node(operator, ["x"], ["y"])
    node.attribute.extend([helper.make_attribute("bits", bits)] if bits else [])
    assert scan_graph(saved(tmp_path / "m.onnx", node)).precision == precision


@pytest.mark.parametrize(
    ("kind", "precision"), [(TensorProto.FLOAT16, "fp16"), (TensorProto.BFLOAT16, "bf16"), (TensorProto.FLOAT, "fp32")]
)
def test_the_precision_by_most_weights(kind: int, precision: str, tmp_path: Path) -> None:
    large = helper.make_tensor("large", kind, [40], np.zeros(40, np.float32))
    small = numpy_helper.from_array(np.zeros(3, np.float32), "small")
    path = saved(tmp_path / "m.onnx", helper.make_node("Add", ["large", "small"], ["y"]), weights=(large, small))
    assert scan_graph(path).precision == precision


def test_types_of_weights_that_no_operator_names() -> None:
    for number, precision in ((22, "int4"), (17, "fp8")):
        assert Scan(Counter(["Gather"]), Counter({number: 5, 1: 100}), frozenset()).precision == precision


def test_a_loop_is_refused_wherever_it_stands_and_in_a_file_of_any_size(tmp_path: Path) -> None:
    inner = helper.make_graph([helper.make_node("Scan", ["a"], ["b"])], "inner", [], [])
    nested = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    for node in (helper.make_node("Loop", ["", ""], ["y"]), nested):
        for weights in ((), (numpy_helper.from_array(np.zeros(1 << 21, np.float32), "large"),)):
            path = saved(tmp_path / "m.onnx", node, weights=weights)
            with pytest.raises(BundleError, match=r"^the graph: it has a loop \(operator (Loop|Scan)\)"):
                check_loops(path, "the graph")
    check_loops(saved(tmp_path / "m.onnx", helper.make_node("Identity", ["x"], ["Loop"])), "the graph")


def test_a_sealed_graph_with_a_loop_is_not_run(tmp_path: Path) -> None:
    folder = lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})
    manifest = open_bundle(folder).manifest
    model = onnx.load(folder / "padded-fp32.onnx")
    model.graph.node.extend([endless_loop(), helper.make_node("Identity", ["again"], ["spare"])])
    onnx.save(model, folder / "padded-fp32.onnx")
    # Sealed and certified by somebody who can write a manifest.
    made = replace(manifest, files={**manifest.files, "padded-fp32.onnx": digest_of(folder / "padded-fp32.onnx")})
    (certificate,) = manifest.certificates
    seal(folder, replace(made, certificates=(vouching(certificate, made, certificate.probe),)))
    for bundle in (folder, open_bundle(folder)):
        with pytest.raises(BundleError, match=rf"{folder}/padded-fp32\.onnx: it has a loop \(operator Loop\)"):
            Tagger.open(bundle, threads=1)
        with pytest.raises(BundleError, match="it has a loop"):
            Tagger.open(bundle, threads=1, allow_uncertified=True)


def test_a_pipe_and_an_empty_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(BundleError, match="not a regular file"):
        scan_graph(tmp_path / "pipe.onnx")
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(BundleError, match="not an ONNX file"):
        scan_graph(tmp_path / "empty.onnx")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", helper.make_node("Add", ["a", "b"], ["y"], note="x" * 40))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    # Anything but a BundleError would be a traceback.
    with contextlib.suppress(BundleError):
        assert scan_graph(path).operators
