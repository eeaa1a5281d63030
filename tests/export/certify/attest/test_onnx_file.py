"""Shapes and types of every tensor of a graph, also around operators that ONNX's inference does not know."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from export.certify.attest.onnx_file import LENGTH, ROWS, inferred, source_of, tensors
from export.graphs.ort_attention import with_fused_attention
from export.graphs.ort_remove_padding import without_padding
from tests.export.certify.attest.precisions import FP32, INT8


def test_all_tensors_have_the_shapes_of_one_batch(graphs: Path) -> None:
    model = inferred(graphs / FP32.file)
    shapes, types = tensors(model)
    assert shapes["input_ids"] == (ROWS, LENGTH)
    assert shapes["logits"] == (ROWS, LENGTH, 7)
    scores = [node.output[0] for node in model.graph.node if node.op_type == "Softmax"]
    assert [shapes[name] for name in scores] == [(ROWS, 2, LENGTH, LENGTH)] * 2
    assert types["input_ids"] == TensorProto.INT64
    assert types["logits"] == TensorProto.FLOAT


@pytest.mark.parametrize(
    ("operator", "shape"),
    [("MultiHeadAttention", (ROWS, LENGTH, 32)), ("PackedMultiHeadAttention", (ROWS * LENGTH, 32))],
)
def test_results_of_onnx_runtimes_own_operators_have_a_shape(
    graphs: Path, tmp_path: Path, operator: str, shape: tuple[int, ...]
) -> None:
    change = with_fused_attention if operator == "MultiHeadAttention" else without_padding
    onnx.save(change(onnx.load(graphs / FP32.file)), tmp_path / "changed.onnx")
    model = inferred(tmp_path / "changed.onnx")
    shapes, _ = tensors(model)
    results = [node.output[0] for node in model.graph.node if node.op_type == operator]
    assert [shapes[name] for name in results] == [shape, shape]


def test_so_have_what_stands_between_attentions_in_rows_or_token_by_token(graphs: Path, tmp_path: Path) -> None:
    for change, leading in ((with_fused_attention, (ROWS, LENGTH)), (without_padding, (ROWS * LENGTH,))):
        onnx.save(change(onnx.load(graphs / FP32.file)), tmp_path / "changed.onnx")
        model = inferred(tmp_path / "changed.onnx")
        shapes, _ = tensors(model)
        for node in model.graph.node:
            if node.name in ("/layers.0/norm/SkipLayerNormalization", "/layers.0/activation/BiasGelu"):
                (width,) = shapes[node.input[-1]]  # of the bias
                assert shapes[node.output[0]] == (*leading, width), node.name


def test_numbers_are_followed_to_where_they_are_stored(graphs: Path) -> None:
    model = inferred(graphs / INT8.file)
    made = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    layer = next(node for node in model.graph.node if node.name.endswith("/down/MatMul"))
    assert constants[source_of(layer.input[1], made)] == TensorProto.INT8
    assert source_of("input_ids", made) == "input_ids"
