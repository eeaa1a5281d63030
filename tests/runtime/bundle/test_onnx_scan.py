"""An ONNX file is looked over without a library for it, however it was damaged."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from runtime.bundle.certificate import Wanted
from runtime.bundle.onnx_scan import Scan, check_loops, check_tables, scan_graph
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


def test_a_graph_is_asked_for_no_row_behind_the_end_of_a_table(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    reach = {"input_ids": manifest.vocabulary, "position_ids": manifest.max_length}
    for graph in manifest.graphs:
        path = tiny_bundle / graph.file
        check_tables(path, "it", reach)
        told = f"^it: its table for input_ids has {manifest.vocabulary} rows, where {manifest.vocabulary + 1} are said"
        with pytest.raises(BundleError, match=told):
            check_tables(path, "it", {**reach, "input_ids": manifest.vocabulary + 1})
    packed = tiny_bundle / "packed-fp32.onnx"
    with pytest.raises(BundleError, match="its table for position_ids has"):
        check_tables(packed, "it", {**reach, "position_ids": 100_000})
    check_tables(packed, "it", {})


def test_tables_are_found_behind_a_cast_and_nothing_else_is_one(tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.zeros((5, 2), np.float32), "table")
    other = numpy_helper.from_array(np.zeros((3, 2), np.float32), "other")
    cast = helper.make_node("Cast", ["ids"], ["wide"], to=TensorProto.INT64)
    for nodes in (
        [helper.make_node("Gather", ["table", "ids"], ["y"])],
        [cast, helper.make_node("Gather", ["table", "wide"], ["y"])],
        [cast, helper.make_node("Cast", ["wide"], ["w"], to=1), helper.make_node("Gather", ["table", "w"], ["y"])],
    ):
        path = saved(tmp_path / "m.onnx", *nodes, weights=(other, table))
        check_tables(path, "it", {"ids": 5})
        with pytest.raises(BundleError, match="its table for ids has 5 rows, where 6 are said"):
            check_tables(path, "it", {"ids": 6})
    for node in (
        helper.make_node("Gather", ["ids", "table"], ["y"]),
        helper.make_node("Gather", ["table", "ids_2"], ["y"]),
        helper.make_node("Add", ["table", "ids"], ["y"]),
        helper.make_node("Cast", [], ["ids"], to=1),
    ):
        check_tables(saved(tmp_path / "m.onnx", node, weights=(other, table)), "it", {"ids": 6})
    (tmp_path / "m.onnx").write_bytes(b"\x3a\x7f")
    with pytest.raises(BundleError, match="not an ONNX file"):
        check_tables(tmp_path / "m.onnx", "it", {"ids": 6})


@pytest.mark.parametrize(("axis", "rows"), [(None, 1), (0, 1), (1, 512), (2, 4), (-1, 4), (-2, 512), (-3, 1)])
def test_rows_are_counted_along_the_axis_that_is_picked_from(axis: int | None, rows: int, tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.zeros((1, 512, 4), np.float32), "table")
    told: dict[str, Any] = {} if axis is None else {"axis": axis}
    path = saved(tmp_path / "m.onnx", helper.make_node("Gather", ["table", "ids"], ["y"], **told), weights=(table,))
    check_tables(path, "it", {"ids": rows})
    with pytest.raises(BundleError, match=f"its table for ids has {rows} rows, where {rows + 1} are said"):
        check_tables(path, "it", {"ids": rows + 1})


@pytest.mark.parametrize("axis", [3, -4, 2**62, -(2**63)])
def test_an_axis_that_the_table_has_not_is_left_to_the_engine(axis: int, tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.zeros((5, 4, 3), np.float32), "table")
    node = helper.make_node("Gather", ["table", "ids"], ["y"], axis=axis)
    check_tables(saved(tmp_path / "m.onnx", node, weights=(table,)), "it", {"ids": 99})


def test_tables_with_long_names_and_tables_of_two_inputs(tmp_path: Path) -> None:
    begin = "embeddings." * 10  # 110 bytes
    tables = tuple(
        numpy_helper.from_array(np.zeros((rows, 2), np.float32), begin + name)
        for name, rows in (("few", 3), ("many", 9), ("none", 1))
    )
    nodes = [
        helper.make_node("Gather", [begin + "few", "few"], ["a"]),
        helper.make_node("Gather", [begin + "many", "many"], ["b"]),
        helper.make_node("Gather", [begin + "many", "also"], ["c"]),
    ]
    path = saved(tmp_path / "m.onnx", *nodes, weights=tables)
    check_tables(path, "it", {"few": 3, "many": 9, "also": 9})
    for name, rows in (("few", 3), ("many", 9), ("also", 9)):
        with pytest.raises(BundleError, match=f"its table for {name} has {rows} rows"):
            check_tables(path, "it", {"few": 3, "many": 9, "also": 9, name: rows + 1})


def test_a_graph_in_two_parts_is_one(tmp_path: Path) -> None:
    table = numpy_helper.from_array(np.zeros((5, 2), np.float32), "table")
    first = saved(tmp_path / "first.onnx", helper.make_node("Gather", ["table", "ids"], ["y"])).read_bytes()
    path = tmp_path / "m.onnx"
    path.write_bytes(first + saved(tmp_path / "second.onnx", weights=(table,)).read_bytes())
    assert len(onnx.load(path).graph.node) == len(onnx.load(path).graph.initializer) == 1
    with pytest.raises(BundleError, match="its table for ids has 5 rows"):
        check_tables(path, "it", {"ids": 6})


def test_many_casts_take_time_that_is_linear(tmp_path: Path) -> None:
    casts = [helper.make_node("Cast", [f"ids{n or ''}"], [f"ids{n + 1}"], to=7) for n in range(20_000)]
    table = numpy_helper.from_array(np.zeros((5, 2), np.float32), "table")
    gathers = [helper.make_node("Gather", ["table", "ids20000"], ["y"])]
    path = saved(tmp_path / "m.onnx", *casts, *gathers, weights=(table,))
    begin = time.process_time()
    with pytest.raises(BundleError, match="its table for ids has 5 rows"):
        check_tables(path, "it", {"ids": 6})
    assert time.process_time() - begin < 5  # 0.4 s; with a look at all the outputs for each node, 25 s


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_sealed_vocabulary_beyond_the_table_is_refused_before_a_library_sees_it(backend: str, tmp_path: Path) -> None:
    folder = lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})
    manifest = open_bundle(folder).manifest
    made = replace(manifest, vocabulary=1_000_000)
    (certificate,) = manifest.certificates
    seal(folder, replace(made, certificates=(vouching(certificate, made, certificate.probe),)))
    wanted = Wanted(backend=backend)
    for bundle in (folder, open_bundle(folder)):
        with pytest.raises(
            BundleError, match=r"padded-fp32\.onnx: its table for input_ids has 5 rows, where 1,000,000"
        ):
            Tagger.open(bundle, candidate=wanted, threads=1, allow_uncertified=True)
    # A folder of somebody else's, whose configuration promises more than its graph has.
    (folder / "manifest.json").unlink()
    config = {
        "vocab_size": 9,
        "max_position_embeddings": 64,
        "id2label": {0: "O", 1: "B-LOC", 2: "I-LOC", 3: "B-PER", 4: "I-PER"},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BundleError, match="its table for input_ids has 5 rows, where 9"):
        Tagger.open(folder, candidate=wanted, threads=1, allow_uncertified=True)


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
    with contextlib.suppress(BundleError):
        check_tables(path, "it", {"a": 3})
