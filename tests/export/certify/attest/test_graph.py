"""Attestation: it tells what is there, and fails on every kind of lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from export.certify.attest.attest_bundle import show_attestation
from export.certify.attest.graph import attest_graph
from export.certify.attest.onnx_file import LENGTH, ROWS
from export.certify.attest.openvino import attest_openvino, compile_for_attestation
from export.graphs.fp16 import fp16_from_graph
from export.quantize.activations import sampled, text_batches
from export.quantize.gptq import gptq_weights, input_quantization
from export.quantize.linear_layers import in_int8, linear_layers
from runtime.bundle.attestation import Attestation, KeptLayer
from runtime.bundle.store import TOKENIZER, Graph, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.errors import BundleError
from runtime.system.cpu import has_bf16
from runtime.text.conll import read_conll
from tests.certificates import with_files

FP32 = Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids", "position_ids", "segment_ids"))
INT8, FP16 = replace(FP32, file="int8.onnx", precision="int8"), replace(FP32, file="fp16.onnx", precision="fp16")
# A tiny model: 2 layers, hidden 32, feed-forward 64, 7 labels.
_WEIGHTS = 2 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 7
_ATTENTION = 2 * 2 * LENGTH * 32


@pytest.fixture(scope="module")
def graphs(tiny_bundle: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model in fp32, fp16 and int8 (all linear layers but the classifier), and half in int8."""
    folder = tmp_path_factory.mktemp("attest")
    source = tiny_bundle / FP32.file
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    batches = text_batches(Encoder(tiny_bundle / TOKENIZER), sentences, max_length=64, most=2)
    fp16_from_graph(source, folder / FP16.file, FP32, batches, threads=1)
    model = onnx.load(source)
    onnx.save(model, folder / FP32.file)
    chosen = [each for each in linear_layers(model) if "/classifier/" not in each.name]
    values = sampled(model, sorted({each.input for each in chosen}), batches, threads=1)
    inputs = {each.input: input_quantization(values[each.input], each.weights) for each in chosen}
    made = {each.name: gptq_weights(values[each.input], inputs[each.input], [each])[0] for each in chosen}
    onnx.save(in_int8(model, inputs, made), folder / INT8.file)
    few = {name: product for name, product in made.items() if "/down/" in name}
    onnx.save(in_int8(model, inputs, few), folder / "little.onnx")
    return folder


def test_work_is_counted_product_by_product(graphs: Path) -> None:
    found = attest_graph(graphs / FP32.file, FP32)
    assert found.macs == ROWS * LENGTH * (_WEIGHTS + _ATTENTION)
    assert found.attention_macs == ROWS * LENGTH * _ATTENTION
    assert found.shares == {"fp32": 1.0}
    assert (found.attention, found.operators["MatMul"]) == (2, 2 * (6 + 2) + 1)


@pytest.mark.parametrize(("graph", "share"), [(INT8, _WEIGHTS - 32 * 7), (FP16, _WEIGHTS + _ATTENTION - 32 * 7)])
def test_lower_precisions_are_told_from_the_rest(graphs: Path, graph: Graph, share: int) -> None:
    found = attest_graph(graphs / graph.file, graph)
    assert found.shares[graph.precision] == pytest.approx(share / (_WEIGHTS + _ATTENTION), abs=1e-4)
    assert sum(found.shares.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (FP32.file, "int8"),  # nothing was quantized at all
        ("little.onnx", "int8"),  # a fifth of it was
        (FP32.file, "fp16"),
        (INT8.file, "fp32"),
        (FP16.file, "fp32"),
    ],
)
def test_graph_that_is_not_what_it_is_called_is_refused(graphs: Path, file: str, said: Any) -> None:
    with pytest.raises(BundleError, match=r"not what its name says: MACs are \d"):
        attest_graph(graphs / file, replace(FP32, file=file, precision=said))


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


def test_attention_that_is_not_fused_is_refused(graphs: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = onnx.load(graphs / FP32.file)
    # Scores that go out of the graph have to be there, so nothing can be fused around them.
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    for node in softmax:
        model.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None))
    onnx.save(model, tmp_path / FP32.file)
    compiled = compile_for_attestation(tmp_path / FP32.file, "fp32")
    with pytest.raises(BundleError, match="attention is fused in 0 of 2 layers"):
        attest_openvino(compiled, attest_graph(tmp_path / FP32.file, FP32), "fp32")


def test_it_is_shown_and_survives_in_the_manifest(
    graphs: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = (KeptLayer("/layers.1/down/MatMul", "its rounding makes up 60%", 2048, 12.0, 7.5),)
    found = attest_graph(graphs / INT8.file, INT8, kept=kept)
    show_attestation(found)
    shown = capsys.readouterr().out
    assert "int8.onnx: MACs 66.1% int8" in shown
    assert "kept in higher precision: /layers.1/down/MatMul (8.3% of the work, changed labels 12.0 to 7.5)" in shown
    with_files(tmp_path, replace(open_bundle(tiny_bundle).manifest, attestations=(found,)))
    assert open_bundle(tmp_path).manifest.attestations == (found,)


def test_a_bundle_holds_its_attestations(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    told: list[Attestation] = list(manifest.attestations)
    assert {each.file for each in told} == {graph.file for graph in manifest.graphs}
    assert all(np.isclose(each.shares[each.precision], 1) for each in told)
