"""The residual stream in fp32 where OpenVINO computes in bf16: what is marked, and that OpenVINO heeds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from runtime.backends.base import BackendOptions
from runtime.backends.openvino_cpu import OpenVino, executed_precisions
from runtime.backends.openvino_residual import NORMALIZATION, mark_residual, read_graph
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, Candidate, open_bundle
from runtime.system.cpu import has_bf16

# Two sums and a normalization between matrix multiplications, with what quantizes its result, in OpenVINO's format.
CHAIN = ("MatMul", "Add", "Add", "MVN", "Multiply", "Add", "FakeQuantize", "MatMul", "Add")
IN_BF16 = {"INFERENCE_PRECISION_HINT": "bf16"}
BATCH = Batch(np.array([[5, 6, 7, 8]]), np.array([[0, 0, 1, 1]]), np.array([[0, 1, 0, 1]]))


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def network(kinds: tuple[str, ...]) -> ElementTree.Element:
    """Operators of these kinds, each of which reads the one before."""
    layers = "".join(f'<layer id="{number}" type="{kind}"/>' for number, kind in enumerate(kinds))
    edges = "".join(f'<edge from-layer="{number}" to-layer="{number + 1}"/>' for number in range(len(kinds) - 1))
    return ElementTree.fromstring(f"<net><layers>{layers}</layers><edges>{edges}</edges></net>")


def test_sums_normalizations_and_what_follows_are_marked_up_to_the_next_multiplication() -> None:
    net = network(CHAIN)
    assert mark_residual(net) == 5
    marked = [
        layer.attrib["id"] for layer in net.iterfind("layers/layer") if layer.find("rt_info/attribute") is not None
    ]
    assert marked == ["2", "3", "4", "5", "6"]


def test_a_graph_without_normalizations_is_left_as_it_is() -> None:
    net = network(("MatMul", "Add", "MatMul"))
    assert mark_residual(net) == 0
    assert net.find("layers/layer/rt_info") is None


def test_openvino_heeds_the_marks_and_multiplies_in_bf16(bundle: Bundle) -> None:
    openvino = pytest.importorskip("openvino")
    if not has_bf16():
        pytest.skip("this CPU does not compute in bf16")
    core, path = openvino.Core(), bundle.file("packed-fp32.onnx")
    found = {}
    for kept in (True, False):
        compiled = core.compile_model(read_graph(core, path, IN_BF16, residual_in_fp32=kept), "CPU", IN_BF16)
        found[kept] = executed_precisions(compiled), executed_precisions(compiled, {NORMALIZATION})
    assert found == {True: ({"bf16"}, {"f32"}), False: ({"bf16"}, {"bf16"})}


class Reader:
    """OpenVINO's core, and the files that it was told to read."""

    def __init__(self, core: Any) -> None:
        self.paths: list[str] = []
        self.beside: dict[str, int] = {}
        """Bytes of everything in the folder of the file that was read last."""
        self._core = core

    def read_model(self, path: str) -> Any:
        self.paths.append(path)
        self.beside = {each.name: each.stat().st_size for each in Path(path).parent.iterdir()}
        return self._core.read_model(path)


def test_what_openvino_is_told_to_compute_in_fp32_is_not_written_anew(bundle: Bundle) -> None:
    openvino = pytest.importorskip("openvino")
    path, copies = bundle.file("packed-fp32.onnx"), {}
    for hint in ("bf16", "f32"):
        core = Reader(openvino.Core())
        read_graph(core, path, {"INFERENCE_PRECISION_HINT": hint}, residual_in_fp32=True)
        copies[hint] = [read for read in core.paths if read != str(path)]
    assert [Path(copy).name for copy in copies["bf16"]] == ["graph.xml"]
    assert copies["f32"] == []


def test_marking_copies_no_weights_and_changes_nothing_else(bundle: Bundle) -> None:
    openvino = pytest.importorskip("openvino")
    core, path = Reader(openvino.Core()), bundle.file("packed-fp32.onnx")
    plain = core.read_model(str(path))
    marked = read_graph(core, path, IN_BF16, residual_in_fp32=True)
    assert Path(core.paths[-1]).name == "graph.xml"
    constants = [node.data.nbytes for node in plain.get_ops() if node.get_type_name() == "Constant"]
    assert core.beside["graph.bin"] < sum(constants) - max(constants)
    said = [openvino.compile_model(each, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}) for each in (plain, marked)]
    names = [[port.get_any_name() for port in each.inputs] for each in said]
    assert names[0] == names[1]
    assert np.array_equal(*(each(BATCH.named(names[0]))[0] for each in said))


def test_bf16_is_run_as_its_certificate_was_measured(bundle: Bundle) -> None:
    pytest.importorskip("openvino")
    if not has_bf16():
        pytest.skip("this CPU does not compute in bf16")
    candidate = Candidate("packed-fp32.onnx", "openvino", "bf16", "cpu")
    earlier = replace(
        bundle.manifest.certificates[0], file=candidate.file, backend="openvino", precision="bf16", device="cpu"
    )
    found = {}
    for residual_in_fp32 in (True, False):
        certificate = replace(earlier, residual_in_fp32=residual_in_fp32)
        manifest = replace(bundle.manifest, certificates=(certificate,))
        backend = open_candidate(candidate, replace(bundle, manifest=manifest, doubts={}), BackendOptions(threads=1))
        assert isinstance(backend, OpenVino)
        found[residual_in_fp32] = executed_precisions(backend._compiled, {NORMALIZATION})
        assert np.isfinite(backend.logits(BATCH)).all()
        backend.close()
    assert found == {True: {"f32"}, False: {"bf16"}}


def test_rows_of_one_length_keep_the_marks(bundle: Bundle) -> None:
    pytest.importorskip("openvino")
    if not has_bf16():
        pytest.skip("this CPU does not compute in bf16")
    path, found = bundle.file("packed-fp32.onnx"), []
    for kept, lengths in ((True, (4,)), (True, ()), (False, ())):
        backend = OpenVino(
            path,
            precision="bf16",
            layout="packed",
            vocabulary=100,
            positions=64,
            cache="",
            streams=1,
            threads=1,
            residual_in_fp32=kept,
            lengths=lengths,
        )
        found.append(backend.logits(BATCH))
        backend.close()
    in_row, kept_in_fp32, rounded = found
    assert np.abs(in_row - kept_in_fp32).max() < np.abs(in_row - rounded).max() / 4
