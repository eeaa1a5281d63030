"""Fused attention: one operator a layer, and the logits of the graph that it was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession

from export.certify.attest.graph import attest_graph
from export.graphs.fp16 import LARGEST, fp16_from_graph
from export.graphs.ort_attention import fused_graph, with_fused_attention
from export.quantize.activations import largest
from export.quantize.linear_layers import constants_of
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import Batch
from runtime.errors import BugError
from tests.export.graphs.random_models import Packed
from tests.export.graphs.reference_operators import logits_by_reference

_ARCHITECTURES = ("bert", "roberta", "distilbert", "albert", "electra", "mpnet")
_IN_FP16 = _ARCHITECTURES[:-1]  # docs/architectures.md says why MPNet is not


def rows_of_windows() -> Batch:
    """Rows of several windows, and token slots that hold nothing."""
    ids = np.random.default_rng(0).integers(5, 60, (3, 32))
    segments = np.repeat([[0] * 9 + [1] * 4 + [2] * 12 + [-1] * 7], 3, axis=0)
    positions = np.repeat([[*range(9), *range(4), *range(12), *[0] * 7]], 3, axis=0)
    return Batch(np.where(segments < 0, 0, ids), segments, positions)


@pytest.mark.parametrize("architecture", _ARCHITECTURES)
def test_logits_stay(architecture: str, packed_of: Callable[[str], Packed], tmp_path: Path) -> None:
    """If the operators do what their schemas say: a GPU alone runs them."""
    packed = packed_of(architecture)
    graph = fused_graph(packed.graph)
    assert (graph.inputs, graph.made_for, graph.capturable) == (packed.graph.inputs, "onnxruntime", True)
    fused = with_fused_attention(onnx.load(packed.file))
    kinds = [node.op_type for node in fused.graph.node]
    assert kinds.count("MultiHeadAttention") == 2
    assert "Softmax" not in kinds
    constants = constants_of(fused.graph)
    for node in fused.graph.node:
        if node.op_type == "MultiHeadAttention":
            query, *others = numpy_helper.to_array(constants[node.input[3]]).reshape(3, -1)
            assert query.any()
            assert not np.any(others)
    onnx.save(fused, tmp_path / "fused.onnx")
    expected, found = logits_on_cpu(packed.file), logits_as_specified(tmp_path / "fused.onnx")
    assert np.abs(expected - found).max() < 1e-5


@pytest.mark.parametrize("architecture", _IN_FP16)
def test_nothing_overflows_that_does_not_in_the_plain_graph(
    architecture: str, packed_of: Callable[[str], Packed], tmp_path: Path
) -> None:
    """Activations are searched in the plain graph alone, which adds no bias to keys and values."""
    packed = packed_of(architecture)
    large = Packed(tmp_path / "large.onnx", packed.graph)
    onnx.save(large_keys_and_values(packed.file), large.file)
    batches, sums = [rows_of_windows()], [f"/layers.0/{part}/Add_output_0" for part in ("key", "value")]
    assert min(largest(onnx.load(large.file), sums, batches, threads=1).values()) > LARGEST
    fp16_from_graph(large.file, tmp_path / "plain.onnx", large.graph, batches, threads=1)
    expected = logits_on_cpu(tmp_path / "plain.onnx")
    found = logits_as_specified(half_precision(large, tmp_path).file)
    assert np.abs(expected - found).max() < 0.01 * np.abs(expected).max()


@pytest.mark.parametrize(("architecture", "count"), [("albert", 1), ("bert", 2)])
def test_layers_that_share_their_weights_share_the_joined_ones(
    architecture: str, count: int, packed_of: Callable[[str], Packed], tmp_path: Path
) -> None:
    model = onnx.load(half_precision(packed_of(architecture), tmp_path).file)
    assert [tuple(each.dims) for each in model.graph.initializer].count((32, 3 * 32)) == count


def test_half_precision_keeps_what_is_delicate(packed_of: Callable[[str], Packed], tmp_path: Path) -> None:
    packed = packed_of("bert")
    half = half_precision(packed, tmp_path)
    model = onnx.shape_inference.infer_shapes(onnx.load(half.file))
    made = {name: node for node in model.graph.node for name in node.output}
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    attentions = [node for node in model.graph.node if node.op_type == "MultiHeadAttention"]
    assert len(attentions) == 2
    for node in attentions:
        # The scores' bias, too, comes in fp16: the mask of -10000 that fp16 holds.
        assert made[node.input[5]].op_type != "Cast" or types[node.input[5]] == onnx.TensorProto.FLOAT16
        assert types[node.input[0]] == onnx.TensorProto.FLOAT16
    told, plain = attest_graph(half.file, half.graph), attest_graph(packed.file, packed.graph)
    assert (told.attention, told.fused_attention) == (2, 2)
    assert told.macs == plain.macs
    assert told.attention_macs == plain.attention_macs
    # The one cast: the classifier computes in fp32.
    assert [node.output[0] for node in model.graph.node if node.op_type == "Cast"] == [
        next(node.input[0] for node in model.graph.node if node.name == "/classifier/MatMul")
    ]


def test_a_layer_has_no_operator_more_than_it_needs(packed_of: Callable[[str], Packed], tmp_path: Path) -> None:
    """In fp16, where each is a kernel that reads and writes all activations once: no cast, no bias, no single sum."""
    file = half_precision(packed_of("bert"), tmp_path).file
    InferenceSession(file, providers=["CPUExecutionProvider"])  # types fit, and every operator is known
    kinds = Counter(node.op_type for node in onnx.load(file).graph.node if node.name.startswith("/layers.0/"))
    del kinds["Reshape"]  # moves nothing
    assert kinds == {"MatMul": 4, "MultiHeadAttention": 1, "SkipLayerNormalization": 2, "BiasGelu": 1}


def test_logits_are_those_of_fp32_as_far_as_fp16_goes(packed_of: Callable[[str], Packed], tmp_path: Path) -> None:
    packed = packed_of("bert")
    found = logits_as_specified(half_precision(packed, tmp_path).file)
    expected = logits_on_cpu(packed.file)
    assert 0 < np.abs(expected - found).max() < 0.01 * np.abs(expected).max()


def half_precision(packed: Packed, folder: Path) -> Packed:
    """The fused graph in fp16, as export makes it."""
    output, graph = folder / "half.onnx", fused_graph(packed.graph)
    made = fp16_from_graph(packed.file, output, graph, [], threads=1, change=with_fused_attention).graph
    assert (made.file, made.precision, made.made_for) == (output.name, "fp16", "onnxruntime")
    return Packed(output, made)


def large_keys_and_values(file: Path) -> onnx.ModelProto:
    """A graph whose keys and values are beyond fp16, in one channel, as long as they have their bias.

    There they are 1,000 times as large, and their bias is 65,500; what reads them is as much smaller.
    """
    model = onnx.load(file)
    constants, changed = constants_of(model.graph), set()
    for node in model.graph.node:
        part, kind = node.name.split("/")[-2:] if "/" in node.name else ("", "")
        for tensor in [constants[name] for name in node.input if name in constants]:
            if part not in ("query", "key", "value", "out") or tensor.name in changed:  # layers may share them
                continue
            numbers = numpy_helper.to_array(tensor).copy()
            if part in ("key", "value"):
                numbers[..., 0] = 65_500 if kind == "Add" else 1000 * numbers[..., 0]
            elif part == "query":
                numbers[..., 0] /= 1000
            elif kind == "MatMul":
                numbers[0] /= 1000
            tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
            changed.add(tensor.name)
    return model


def logits_on_cpu(file: Path) -> NDArray[np.float32]:
    """Of token slots that hold something. [slots, labels]"""
    backend = OnnxRuntime(file, layout="packed", streams=1, threads=1)
    found = backend.logits(rows_of_windows())
    backend.close()
    return found[rows_of_windows().segment_ids >= 0]


def logits_as_specified(file: Path) -> NDArray[np.float32]:
    """The same by the schemas of the operators."""
    return logits_by_reference(file, rows_of_windows())[rows_of_windows().segment_ids >= 0]


def test_queries_that_are_no_linear_layer_are_a_bug(packed_of: Callable[[str], Packed]) -> None:
    model = onnx.load(packed_of("bert").file)
    added = next(node for node in model.graph.node if node.name == "/layers.1/query/Add")
    model.graph.node.append(helper.make_node("Abs", ["sum"], [added.output[0]]))
    added.output[0] = "sum"
    with pytest.raises(BugError, match="no linear layer"):
        with_fused_attention(model)


def test_another_graph_is_a_bug(tiny_bundle: Path) -> None:
    with pytest.raises(BugError, match="was expected"):
        with_fused_attention(onnx.load(tiny_bundle / "padded-fp32.onnx"))
