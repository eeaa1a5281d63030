"""A graph with the shape and type of every tensor, for one batch of ROWS x LENGTH. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
from onnx import NodeProto, TensorProto

# The shortest rows that the runtime makes, where attention has the least part of the work.
ROWS, LENGTH = 8, 64
FUSED = frozenset({"Attention", "MultiHeadAttention", "PackedMultiHeadAttention"})
# Operators of ONNX Runtime whose shapes inference does not know; from the first to the second of the last two, the
# tokens of all rows stand one after another.
_TAKE_OUT, _PUT_BACK = "RemovePadding", "RestorePadding"
_OF_ONNX_RUNTIME = FUSED | {"SkipLayerNormalization", "BiasGelu", _TAKE_OUT, _PUT_BACK}
MOVING = frozenset({"Reshape", "Transpose", "Identity", "Squeeze", "Unsqueeze"})


def inferred(path: Path) -> onnx.ModelProto:
    """The graph with the shapes that ROWS x LENGTH gives all its tensors. Weights in other files stay there."""
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.input:
        for axis, size in zip(tensor.type.tensor_type.shape.dim, (ROWS, LENGTH)):
            axis.dim_value = size
    # What the exporter inferred is for any batch, and would stand against the sizes of this one.
    for tensor in model.graph.output:
        tensor.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    _say_fused(model)
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _say_fused(model: onnx.ModelProto) -> None:
    """Add the shapes of ONNX Runtime's operators, which inference does not know.

    The multiplication that reads such a result tells its last axis.
    """
    made = {name: node for node in model.graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    flat = False
    for node in model.graph.node:
        if node.op_type not in _OF_ONNX_RUNTIME:
            continue
        flat = (flat or node.op_type == _TAKE_OUT) and node.op_type != _PUT_BACK
        for reader, kind in _multiplications_of(node.output[0], model.graph):
            weight = weights.get(source_of(reader.input[1], made))
            if weight is not None:
                leading = (ROWS * LENGTH,) if flat else (ROWS, LENGTH)
                value = onnx.helper.make_tensor_value_info(
                    node.output[0], kind or weight.data_type, (*leading, weight.dims[0])
                )
                model.graph.value_info.append(value)
                break


def _multiplications_of(name: str, graph: onnx.GraphProto) -> Iterator[tuple[NodeProto, int]]:
    """Multiplications whose first factor a tensor is, and its type where it is cast before; 0 where it is not."""
    for node in graph.node:
        if name not in node.input:
            continue
        if node.op_type == "MatMul":
            yield node, 0
        elif node.op_type == "Cast":
            widened = node.attribute[0].i == TensorProto.FLOAT
            kind = TensorProto.FLOAT16 if widened else TensorProto.FLOAT
            yield from ((each, kind) for each, _ in _multiplications_of(node.output[0], graph))


def tensors(model: onnx.ModelProto) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Shape and type of every tensor that has one."""
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        types[value.name] = kind.elem_type
        if kind.HasField("shape") and all(axis.HasField("dim_value") for axis in kind.shape.dim):
            shapes[value.name] = tuple(axis.dim_value for axis in kind.shape.dim)
    return shapes, types


def source_of(name: str, made: Mapping[str, NodeProto]) -> str:
    """Where a tensor's numbers come from, before they were moved about, cast or stored in int8."""
    while name in made and made[name].op_type in {*MOVING, "DequantizeLinear", "Cast"}:
        name = made[name].input[0]
    return name
