"""int8 for GPUs: made of the fp16 graph, near it, and int8 where its name says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from export.certify.attest.graph import attest_graph
from export.graphs.fp16 import fp16_from_graph
from export.quantize.activations import text_batches
from export.quantize.gpu_eight_bits import EightBits, in_eight_bits
from export.quantize.int8 import Quantized
from export.quantize.int8_gpu import fit_int8, gpu_int8_from_graph
from export.quantize.linear_layers import LinearLayer
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import Batch
from runtime.bundle.store import TOKENIZER, Graph
from runtime.encode.tokenizer import Encoder
from runtime.text.conll import read_conll
from tests.tiny import LABELS

FP32 = Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids", "position_ids", "segment_ids"))
FP16 = "packed-fp16.onnx"


@pytest.fixture(scope="module")
def batches(tiny_bundle: Path, tiny_corpus: Path) -> list[Batch]:
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    return text_batches(Encoder(tiny_bundle / TOKENIZER), sentences, max_length=64, most=2)


@pytest.fixture(scope="module")
def made(
    tiny_bundle: Path, tiny_corpus: Path, batches: list[Batch], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Quantized]:
    """A folder with the tiny model's graphs in fp16 and int8, nothing kept in fp16 but the classifier."""
    folder = tmp_path_factory.mktemp("int8-gpu")
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    fp16_from_graph(tiny_bundle / FP32.file, folder / FP16, FP32, batches, threads=1)
    quantized = gpu_int8_from_graph(
        tiny_bundle / FP32.file,
        folder / FP16,
        folder / "packed-int8-tensorrt.onnx",
        FP32,
        tiny_bundle / TOKENIZER,
        sentences,
        max_length=64,
        labels=len(LABELS),
        threads=1,
        goal=1000,
    )
    return folder, quantized


def test_it_is_for_tensorrt_and_int8(made: tuple[Path, Quantized]) -> None:
    folder, quantized = made
    graph = quantized.graph
    assert (graph.precision, graph.made_for, graph.opset) == ("int8", "tensorrt", 19)
    assert [each.name for each in quantized.kept] == ["/classifier/MatMul"]
    told = attest_graph(folder / graph.file, graph)
    plain = attest_graph(folder / FP16, replace(FP32, file=FP16, precision="fp16"))
    assert told.macs == plain.macs
    assert told.shares["int8"] == pytest.approx(1 - plain.attention_macs / plain.macs - plain.shares["fp32"], abs=1e-3)
    assert set(told.shares) == {"int8", "fp16", "fp32"}


def test_weights_have_a_step_each_and_all_between_is_fp16(made: tuple[Path, Quantized]) -> None:
    folder, quantized = made
    model = onnx.load(folder / quantized.graph.file)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = [tensor for tensor in constants.values() if tensor.data_type == TensorProto.INT8 and tensor.dims]
    assert len(weights) == 2 * 6
    for tensor in weights:
        step = constants[tensor.name.replace("/stored", "/step")]
        assert (tuple(step.dims), step.data_type) == ((tensor.dims[1],), TensorProto.FLOAT16)
        assert np.abs(numpy_helper.to_array(tensor).astype(int)).max() == 127
    scales = [tensor for name, tensor in constants.items() if name.endswith(("/scale", "/shift", "/step"))]
    assert {tensor.data_type for tensor in scales} == {TensorProto.FLOAT16}


def test_an_outlier_channel_stays_in_fp16_and_is_no_matrix_multiplication() -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(size=(400, 256)).astype(np.float32)
    values[::50, 3] = 200  # as in MiniLM: huge in special tokens, and next to nothing in others
    weights, bias = chance.normal(0, 1 / 16, (256, 8)).astype(np.float32), np.ones(8, np.float32)
    layer = LinearLayer("/up/MatMul", "x", weights, bias, "/up/Add", 1)
    given, (made,) = fit_int8(values, [layer])
    assert given.outlier_channels == (3,)
    assert np.array_equal(np.flatnonzero(given.scale == 0), [3])
    assert np.isfinite(given.shift).all()
    assert not np.asarray(made.weights)[3].any()
    eight_bits = EightBits("int8", {"x": given}, {layer.name: made}, {})
    changed = in_eight_bits(_fp16_layer(layer), eight_bits)
    assert [node.op_type for node in changed.graph.node].count("MatMul") == 1
    session = onnxruntime.InferenceSession(changed.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": values.astype(np.float16)})
    expected = values @ weights + bias
    assert 0 < np.linalg.norm(found - expected) / np.linalg.norm(expected) < 0.006
    # Without it, its 200 would leave all others a hundredth of the precision.
    ordinary = np.delete(np.arange(400), np.s_[::50])
    assert np.abs(found - expected)[ordinary].mean() < 0.02


def _fp16_layer(layer: LinearLayer) -> onnx.ModelProto:
    """A graph of that layer alone, in fp16."""
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "weights"], ["multiplied"], layer.name),
        onnx.helper.make_node("Add", ["multiplied", "bias"], ["y"], layer.add),
    ]
    constants = {"weights": layer.weights, "bias": layer.bias}
    stored = [numpy_helper.from_array(value.astype(np.float16), name) for name, value in constants.items()]
    shapes: dict[str, list[str | int | None]] = {"x": ["slots", len(layer.weights)], "y": ["slots", len(layer.bias)]}
    ends = [onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT16, shape) for name, shape in shapes.items()]
    graph = onnx.helper.make_graph(nodes, "layer", ends[:1], ends[1:], stored)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def test_attention_of_values_without_a_bias_is_stored_as_it_was_fitted(
    tiny_bundle: Path, tiny_corpus: Path, batches: list[Batch], tmp_path: Path
) -> None:
    """Centering adds to a value what no bias holds: it has to come back before attention's result is rounded."""
    model = onnx.load(tiny_bundle / FP32.file)
    nodes = {node.name: node for node in model.graph.node}
    norm = next(node for node in model.graph.node if node.op_type == "LayerNormalization")
    changed = {norm.input[2]: lambda bias: bias + np.linspace(-4, 4, len(bias), dtype=np.float32)}
    changed |= {node.input[1]: lambda weights: 20 * weights for name, node in nodes.items() if "/value/" in name}
    for tensor in model.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(numpy_helper.from_array(changed[tensor.name](numpy_helper.to_array(tensor)), tensor.name))
    onnx.save(model, tmp_path / FP32.file)
    fp16_from_graph(tmp_path / FP32.file, tmp_path / FP16, FP32, batches, threads=1)
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    files = tmp_path / FP32.file, tmp_path / FP16, tmp_path / "packed-int8-tensorrt.onnx"
    given = tiny_bundle / TOKENIZER, sentences
    gpu_int8_from_graph(*files, FP32, *given, max_length=64, labels=len(LABELS), threads=1, goal=1000)
    assert _distance(files[1], files[2], batches[0]) < 0.003


def test_logits_are_near_those_of_fp16(made: tuple[Path, Quantized], batches: list[Batch]) -> None:
    assert 0 < _distance(made[0] / FP16, made[0] / made[1].graph.file, batches[0]) < 0.05


def _distance(one: Path, other: Path, batch: Batch) -> float:
    """Of the logits of two graphs, over the size of the first's."""
    found = []
    for path in (one, other):
        backend = OnnxRuntime(path, layout="packed", streams=1, threads=1)
        found.append(backend.logits(batch)[batch.segment_ids >= 0])
        backend.close()
    return float(np.linalg.norm(found[0] - found[1]) / np.linalg.norm(found[0]))
