"""int8 for GPUs: made of the fp16 graph, near it, and int8 where its name says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from export.certify.attest.graph import attest_graph
from export.graphs.fp16 import fp16_from_graph
from export.quantize.activations import text_batches
from export.quantize.int8 import Quantized
from export.quantize.int8_gpu import gpu_int8_from_graph
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
    assert not [node for node in model.graph.node if node.op_type == "Gather" and "outlier" in node.name]


def test_logits_are_near_those_of_fp16(made: tuple[Path, Quantized], batches: list[Batch]) -> None:
    found = []
    for file in (FP16, made[1].graph.file):
        backend = OnnxRuntime(made[0] / file, layout="packed", streams=1, threads=1)
        found.append(backend.logits(batches[0])[batches[0].segment_ids >= 0])
        backend.close()
    distance = np.linalg.norm(found[0] - found[1]) / np.linalg.norm(found[0])
    assert 0 < distance < 0.05
