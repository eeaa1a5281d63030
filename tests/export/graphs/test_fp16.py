"""fp16: what becomes fp16, what stays, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from export.graphs.fp16 import Fp16, fp16_from_graph
from export.graphs.packed import packed_from_checkpoint
from export.quantize.activations import text_batches
from export.torch_model import load_model
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import Batch
from runtime.bundle.store import TOKENIZER, Graph, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.errors import BundleError
from runtime.text.conll import read_conll
from tests.tiny import tiny_checkpoint

INPUTS = ("input_ids", "position_ids", "segment_ids")
GRAPH = Graph("packed-fp32.onnx", "fp32", "packed", 17, INPUTS)


@pytest.fixture(scope="module")
def batches(tiny_bundle: Path, tiny_corpus: Path) -> list[Batch]:
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    return text_batches(Encoder(tiny_bundle / TOKENIZER), sentences, max_length=64, most=4)


@pytest.fixture(scope="module")
def fp16(tiny_bundle: Path, batches: list[Batch], tmp_path_factory: pytest.TempPathFactory) -> tuple[Fp16, Path]:
    output = tmp_path_factory.mktemp("half") / "packed-fp16.onnx"
    return fp16_from_graph(tiny_bundle / GRAPH.file, output, GRAPH, batches, threads=1), output


def test_inputs_outputs_and_what_is_delicate_stay(fp16: tuple[Fp16, Path]) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(fp16[1]))
    types = {value.name: value.type.tensor_type.elem_type for value in (*model.graph.value_info, *model.graph.output)}
    assert {value.type.tensor_type.elem_type for value in model.graph.input} == {TensorProto.INT64}
    assert types["logits"] == TensorProto.FLOAT
    for node in model.graph.node:
        if node.op_type == "Cast":
            continue
        if node.op_type in ("LayerNormalization", "Softmax") or "/classifier/" in node.name:
            assert types[node.output[0]] == TensorProto.FLOAT, node.name
            assert_exact(node, model)
        elif node.op_type == "MatMul":
            assert types[node.output[0]] == TensorProto.FLOAT16, node.name


def assert_exact(node: onnx.NodeProto, model: onnx.ModelProto) -> None:
    """What a node in fp32 reads was not cast to fp16 and back, and its constants are stored in fp32."""
    casts = {each.output[0]: each for each in model.graph.node if each.op_type == "Cast"}
    constants = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for name in node.input:
        assert constants.get(name, TensorProto.FLOAT) == TensorProto.FLOAT, name
        assert name not in casts or casts[name].input[0] not in casts, name


def test_the_classifier_computes_and_answers_in_fp32(fp16: tuple[Fp16, Path]) -> None:
    """No cast stands between the last normalization and the logits."""
    nodes = {name: node for node in onnx.load(fp16[1]).graph.node for name in node.output}
    node, kinds = nodes["logits"], []
    while node.op_type != "LayerNormalization":
        kinds.append(node.op_type)
        node = next(nodes[name] for name in node.input if name in nodes)
    assert kinds == ["Add", "MatMul"]


def test_all_of_a_graph_can_be_fp16(tiny_bundle: Path, batches: list[Batch], tmp_path: Path) -> None:
    output = tmp_path / "all-fp16.onnx"
    fp16_from_graph(tiny_bundle / GRAPH.file, output, GRAPH, batches, threads=1, classifier="fp16")
    model = onnx.shape_inference.infer_shapes(onnx.load(output))
    types = {value.name: value.type.tensor_type.elem_type for value in (*model.graph.value_info, *model.graph.output)}
    products = [node for node in model.graph.node if node.op_type == "MatMul"]
    assert {types[node.output[0]] for node in products} == {TensorProto.FLOAT16}
    assert types["logits"] == TensorProto.FLOAT


def test_logits_are_those_of_fp32_as_far_as_fp16_goes(
    fp16: tuple[Fp16, Path], tiny_bundle: Path, batches: list[Batch]
) -> None:
    sessions = [
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for path in (tiny_bundle / GRAPH.file, fp16[1])
    ]
    expected, found = (session.run(None, batches[0].named(INPUTS))[0] for session in sessions)
    assert found.dtype == np.float32
    assert 0 < np.abs(expected - found).max() < 0.01 * np.abs(expected).max()


def test_largest_activations_are_recorded_the_mask_among_them(fp16: tuple[Fp16, Path]) -> None:
    made = fp16[0]
    assert made.graph == Graph("packed-fp16.onnx", "fp16", "packed", 17, INPUTS)
    name, size = made.nearest
    assert size == max(made.largest.values()) == made.largest[name]
    assert 9_000 < size < 11_000  # tokens of other windows: -10,000, and the scores on top


def test_a_padded_graph_masks_with_what_fp16_can_hold(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    padded = next(graph for graph in open_bundle(tiny_bundle).manifest.graphs if graph.layout == "padded")
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    batches = text_batches(Encoder(tiny_bundle / TOKENIZER), sentences, max_length=64, most=4, layout="padded")
    assert any((batch.attention_mask == 0).any() for batch in batches)
    output = tmp_path / "padded-fp16.onnx"
    made = fp16_from_graph(tiny_bundle / padded.file, output, padded, batches, threads=1)
    assert (made.graph.layout, made.graph.inputs) == ("padded", padded.inputs)
    assert made.nearest[1] < 11_000
    before, after = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for path in (tiny_bundle / padded.file, output)
    )
    for batch in batches:
        there = batch.attention_mask == 1
        expected, found = (each.run(None, batch.named(padded.inputs))[0][there] for each in (before, after))
        assert np.abs(expected - found).max() < 0.01 * np.abs(expected).max()


@pytest.mark.parametrize("architecture", ["albert", "distilbert", "electra", "roberta"])
def test_every_architecture_that_fp16_can_hold(architecture: str, tmp_path: Path) -> None:
    """ALBERT's layers share their weights, which the converter casts once for each."""
    checkpoint = tiny_checkpoint(tmp_path / "model", architecture=architecture)
    graph = packed_from_checkpoint(load_model(checkpoint), tmp_path / "packed.onnx")
    ids = np.random.default_rng(0).integers(5, 60, (2, 16))
    batch = Batch(ids, np.zeros_like(ids), np.tile(np.arange(16), (2, 1)))
    made = fp16_from_graph(tmp_path / graph.file, tmp_path / "half.onnx", graph, [batch], threads=1)
    found = []
    for file in (graph.file, made.graph.file):
        backend = OnnxRuntime(tmp_path / file, layout="packed", streams=1, threads=1)
        found.append(backend.logits(batch))
        backend.close()
    assert np.abs(found[0] - found[1]).max() < 0.01 * np.abs(found[0]).max()


def changed(tiny_bundle: Path, output: Path, pick: str, factor: float) -> Path:
    """The fp32 graph with one kind of weights multiplied."""
    model = onnx.load(tiny_bundle / GRAPH.file)
    tensor = next(tensor for tensor in model.graph.initializer if pick in tensor.name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
    onnx.save(model, output)
    return output


def test_constant_beyond_fp16_is_refused(tiny_bundle: Path, batches: list[Batch], tmp_path: Path) -> None:
    source = changed(tiny_bundle, tmp_path / "large.onnx", "words.weight", 1e8)
    with pytest.raises(BundleError, match=r"words\.weight holds .* fp16 ends at 65,504"):
        fp16_from_graph(source, tmp_path / "half.onnx", GRAPH, batches, threads=1)
    assert not (tmp_path / "half.onnx").exists()


def test_activation_beyond_fp16_is_refused(tiny_bundle: Path, batches: list[Batch], tmp_path: Path) -> None:
    model = onnx.load(tiny_bundle / GRAPH.file)
    # Weights that fp16 holds well, and a product that it does not.
    for node in model.graph.node:
        if node.name == "/layers.0/up/MatMul":
            for tensor in model.graph.initializer:
                if tensor.name == node.input[1]:
                    array = np.full_like(numpy_helper.to_array(tensor), 60_000)
                    array[::2] = -60_000
                    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(BundleError, match=r"reaches .* leave fp16 out"):
        fp16_from_graph(tmp_path / "large.onnx", tmp_path / "half.onnx", GRAPH, batches, threads=1)
    assert not (tmp_path / "half.onnx").exists()
