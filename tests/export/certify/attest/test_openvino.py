"""Attestation of what OpenVINO makes of a graph: the precision that each layer executes in, and fused attention."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from export.certify.attest.graph import attest_graph
from export.certify.attest.openvino import attest_openvino, compile_for_attestation
from runtime.bundle.store import Graph
from runtime.errors import BackendError, BundleError
from runtime.system.cpu import has_bf16
from tests.export.certify.attest.precisions import FP32, INT8


@pytest.mark.parametrize("graph", [FP32, INT8])
def test_openvino_does_what_the_graph_says(graphs: Path, graph: Graph) -> None:
    pytest.importorskip("openvino")
    stated = attest_graph(graphs / graph.file, graph)
    compiled = compile_for_attestation(graphs / graph.file, graph.precision)
    found = attest_openvino(compiled, stated, graph.precision)
    assert found.backend == "openvino"
    assert found.fused_attention == found.attention == 2
    assert found.shares[graph.precision] == pytest.approx(stated.shares[graph.precision], abs=0.01)


def test_fp32_that_is_executed_in_bf16_is_refused(graphs: Path) -> None:
    pytest.importorskip("openvino")
    if not has_bf16():
        pytest.skip("this CPU does not compute in bf16")
    compiled = compile_for_attestation(graphs / FP32.file, "bf16")
    stated = attest_graph(graphs / FP32.file, FP32)
    assert attest_openvino(compiled, stated, "bf16").shares == {"bf16": 1.0}
    with pytest.raises(BundleError, match=r"MACs are 100.0% bf16, and 100% should be fp32"):
        attest_openvino(compiled, stated, "fp32")


def test_int8_that_an_engine_computes_in_floating_point_is_refused(graphs: Path) -> None:
    pytest.importorskip("openvino")
    stated = attest_graph(graphs / INT8.file, INT8)
    compiled = compile_for_attestation(graphs / FP32.file, "fp32")
    with pytest.raises(BundleError, match=r"int8\.onnx on openvino: not what its name says"):
        attest_openvino(compiled, stated, "int8")


def test_attention_that_is_not_fused_is_counted_and_no_fault(graphs: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = onnx.load(graphs / FP32.file)
    # Scores that go out of the graph have to be there, so nothing can be fused around them.
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    for node in softmax:
        model.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None))
    onnx.save(model, tmp_path / FP32.file)
    compiled = compile_for_attestation(tmp_path / FP32.file, "fp32")
    found = attest_openvino(compiled, attest_graph(tmp_path / FP32.file, FP32), "fp32")
    assert (found.fused_attention, found.attention) == (0, 2)


def test_a_file_that_openvino_cannot_load_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"broken\.onnx: OpenVINO cannot load it"):
        compile_for_attestation(tmp_path / "broken.onnx", "fp32")
