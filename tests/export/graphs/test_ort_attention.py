"""Fused attention: one operator a layer, and the logits of the graph that it was made of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from export.certify.attest.graph import attest_graph
from export.graphs.fp16 import fp16_from_graph
from export.graphs.ort_attention import fused_from_graph
from export.graphs.packed import packed_from_checkpoint
from export.torch_model import load_model
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import Batch
from runtime.errors import BugError
from tests.export.graphs.reference_operators import logits_by_reference
from tests.export.graphs.test_ort_fusions import large_biases
from tests.tiny import tiny_checkpoint


def rows_of_windows() -> Batch:
    """Rows of several windows, and token slots that hold nothing."""
    ids = np.random.default_rng(0).integers(5, 60, (3, 32))
    segments = np.repeat([[0] * 9 + [1] * 4 + [2] * 12 + [-1] * 7], 3, axis=0)
    positions = np.repeat([[*range(9), *range(4), *range(12), *[0] * 7]], 3, axis=0)
    return Batch(np.where(segments < 0, 0, ids), segments, positions)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "albert", "mpnet"])
def test_logits_stay(architecture: str, tmp_path: Path) -> None:
    """If the operators do what their schemas say: a GPU alone runs them."""
    checkpoint = tiny_checkpoint(tmp_path / "model", architecture=architecture)
    graph = packed_from_checkpoint(load_model(checkpoint), tmp_path / "packed.onnx")
    onnx.save(large_biases(tmp_path / "packed.onnx"), tmp_path / "packed.onnx")
    fused = fused_from_graph(tmp_path / "packed.onnx", tmp_path / "fused.onnx", graph)
    assert (fused.inputs, fused.made_for, fused.capturable) == (graph.inputs, "onnxruntime", True)
    kinds = [node.op_type for node in onnx.load(tmp_path / fused.file).graph.node]
    assert kinds.count("MultiHeadAttention") == 2
    assert "Softmax" not in kinds
    expected, found = logits_on_cpu(tmp_path / "packed.onnx"), logits_as_specified(tmp_path / "fused.onnx")
    assert np.abs(expected - found).max() < 1e-5


def test_half_precision_keeps_what_is_delicate(tiny_model: Path, tmp_path: Path) -> None:
    graph = packed_from_checkpoint(load_model(tiny_model), tmp_path / "packed.onnx")
    fused = fused_from_graph(tmp_path / "packed.onnx", tmp_path / "fused.onnx", graph)
    fp16 = fp16_from_graph(tmp_path / "fused.onnx", tmp_path / "half.onnx", fused, [], threads=1)
    model = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / fp16.graph.file))
    made = {name: node for node in model.graph.node for name in node.output}
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    attentions = [node for node in model.graph.node if node.op_type == "MultiHeadAttention"]
    assert len(attentions) == 2
    for node in attentions:
        # The scores' bias, too, comes in fp16: the mask of -10000 that fp16 holds.
        assert made[node.input[5]].op_type != "Cast" or types[node.input[5]] == onnx.TensorProto.FLOAT16
        assert types[node.input[0]] == onnx.TensorProto.FLOAT16
    told = attest_graph(tmp_path / fp16.graph.file, fp16.graph)
    plain = attest_graph(tmp_path / graph.file, graph)
    assert (told.attention, told.fused_attention) == (2, 2)
    assert told.macs == plain.macs
    assert told.attention_macs == plain.attention_macs
    assert fp16.graph.made_for == "onnxruntime"
    # The one cast: the classifier computes in fp32.
    assert [node.output[0] for node in model.graph.node if node.op_type == "Cast"] == [
        next(node.input[0] for node in model.graph.node if node.name == "/classifier/MatMul")
    ]


def test_a_layer_has_no_operator_more_than_it_needs(tiny_model: Path, tmp_path: Path) -> None:
    """In fp16, where each is a kernel that reads and writes all activations once: no cast, no bias, no single sum."""
    file = half_precision(tiny_model, tmp_path)
    InferenceSession(file, providers=["CPUExecutionProvider"])  # types fit, and every operator is known
    kinds = Counter(node.op_type for node in onnx.load(file).graph.node if node.name.startswith("/layers.0/"))
    del kinds["Reshape"]  # moves nothing
    assert kinds == {"MatMul": 4, "MultiHeadAttention": 1, "SkipLayerNormalization": 2, "BiasGelu": 1}


def test_logits_are_those_of_fp32_as_far_as_fp16_goes(tiny_model: Path, tmp_path: Path) -> None:
    found = logits_as_specified(half_precision(tiny_model, tmp_path))
    expected = logits_on_cpu(tmp_path / "packed.onnx")
    assert 0 < np.abs(expected - found).max() < 0.01 * np.abs(expected).max()


def half_precision(model: Path, folder: Path) -> Path:
    """The fused graph of a checkpoint in fp16, beside packed.onnx in fp32."""
    graph = packed_from_checkpoint(load_model(model), folder / "packed.onnx")
    fused = fused_from_graph(folder / "packed.onnx", folder / "fused.onnx", graph)
    return folder / fp16_from_graph(folder / "fused.onnx", folder / "half.onnx", fused, [], threads=1).graph.file


def logits_on_cpu(file: Path) -> NDArray[np.float32]:
    """Of token slots that hold something. [slots, labels]"""
    backend = OnnxRuntime(file, layout="packed", streams=1, threads=1)
    found = backend.logits(rows_of_windows())
    backend.close()
    return found[rows_of_windows().segment_ids >= 0]


def logits_as_specified(file: Path) -> NDArray[np.float32]:
    """The same by the schemas of the operators."""
    return logits_by_reference(file, rows_of_windows())[rows_of_windows().segment_ids >= 0]


def test_queries_that_are_no_linear_layer_are_a_bug(tiny_model: Path, tmp_path: Path) -> None:
    graph = packed_from_checkpoint(load_model(tiny_model), tmp_path / "packed.onnx")
    model = onnx.load(tmp_path / "packed.onnx")
    for node in model.graph.node:
        if node.name == "/layers.1/query/Add":
            node.op_type = "Sub"
    onnx.save(model, tmp_path / "packed.onnx")
    with pytest.raises(BugError, match="no linear layer"):
        fused_from_graph(tmp_path / "packed.onnx", tmp_path / "fused.onnx", graph)


def test_another_graph_is_a_bug(tiny_bundle: Path, tmp_path: Path) -> None:
    from runtime.bundle.store import open_bundle

    bundle = open_bundle(tiny_bundle)
    padded = next(graph for graph in bundle.manifest.graphs if graph.layout == "padded")
    with pytest.raises(BugError, match="was expected"):
        fused_from_graph(bundle.file(padded.file), tmp_path / "fused.onnx", padded)
