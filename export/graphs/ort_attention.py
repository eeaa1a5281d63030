"""Packed graph -> the same with each attention as one operator, MultiHeadAttention, for ONNX Runtime on a GPU.

ONNX Runtime's optimizer recognizes attention under a padding mask, and not under a block mask. But its operator accepts
a block mask, as a bias that is added to the scores; on an H100 it then takes cuDNN's flash attention, which never
writes the scores to memory. (Contrib operator of ONNX Runtime; query, key and value in one tensor [rows, length, heads,
3, size], their biases [3 * hidden], attention_bias [rows or 1, heads or 1, length, length].)

Query, key and value are one product. The operator takes it apart and adds the biases in one kernel. On an H100 that is
as fast as three products and one bias in large batches, and keeps the GPU busy 15% less for one text (docs/gpu.md).
The biases of keys and values are zeros, as export.graphs.attention_biases puts them elsewhere: so the operator computes
no number that the plain graph in fp16 does not, and a search for overflow there covers this graph, too. What stands
between attentions is fused as well. ONNX Runtime's CPU provider does not take this form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.attention_biases import with_value_biases_folded
from export.graphs.ort_fusions import DOMAIN, fuse_activations, fuse_normalizations, say_float
from export.quantize.linear_layers import constant, constants_of
from runtime.bundle.store import Graph
from runtime.errors import BugError

_PLACE_OF_HEADS = 2  # of [rows, length, heads, size]


@dataclass(frozen=True, slots=True)
class Attention:
    """One attention of a graph that export.graphs.packed wrote.

    Attributes:
        name: of its softmax.
        query, key, value: tensors, [rows, length, hidden]; the query's weights hold the scale of the scores.
        heads: how many.
        mask: tensor that is added to the scores. [rows, 1 or heads, length, length]
        last: the node that gives its result, [rows, length, hidden].
    """

    name: str
    query: str
    key: str
    value: str
    heads: int
    mask: str
    last: NodeProto


@dataclass(frozen=True, slots=True)
class _Layer:
    """A linear layer of a graph.

    Attributes:
        input: the tensor that is multiplied. [rows, length, inputs]
        weights: their initializer. [inputs, outputs]
        bias: [outputs]
    """

    input: str
    weights: TensorProto
    bias: NDArray[np.floating]


def fused_graph(graph: Graph) -> Graph:
    """What the manifest says of a packed graph with fused attention."""
    return replace(graph, made_for="onnxruntime")


def with_fused_attention(model: ModelProto) -> ModelProto:
    """A copy of a graph with one operator for each attention.

    Args:
        model: a packed graph in fp32, as export.graphs.packed writes it.

    Raises:
        BugError: an attention does not stand there as export.graphs.packed writes it.
    """
    changed = with_value_biases_folded(model)
    made = {name: node for node in changed.graph.node for name in node.output}
    constants = constants_of(changed.graph)
    joined: dict[tuple[str, ...], tuple[str, str]] = {}
    for each in attentions_of(changed):
        layers = [_layer(made, constants, name) for name in (each.query, each.key, each.value)]
        # Layers that share their weights, as ALBERT's do, share the joined ones.
        shared = tuple(layer.weights.name for layer in layers)
        if shared not in joined:
            joined[shared] = _joined_weights(changed, each, layers)
        _join(changed, each, layers, *joined[shared])
    fuse_others(changed)
    return changed


def attentions_of(model: ModelProto) -> list[Attention]:
    """Every attention of a graph, in order.

    Raises:
        BugError: one does not stand there as export.graphs.packed writes it.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    readers = {name: node for node in model.graph.node for name in node.input}
    return [_attention(model, node, makers, readers) for node in model.graph.node if node.op_type == "Softmax"]


def replace_attention(model: ModelProto, attention: Attention, operator: str, inputs: Sequence[str]) -> None:
    """Put one of ONNX Runtime's operators in the place of an attention."""
    model.graph.node.remove(attention.last)
    node = helper.make_node(
        operator,
        inputs,
        list(attention.last.output),
        name=attention.name.replace("Softmax", operator),
        domain=DOMAIN,
        num_heads=attention.heads,
        scale=1.0,  # the query's weights hold it already
    )
    model.graph.node.append(node)
    say_float(model, node.output[0])


def fuse_others(model: ModelProto) -> None:
    """Finish a graph with ONNX Runtime's operators: what stands between the attentions is fused, too.

    Nodes and constants that nothing reads any more are taken out.
    """
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    whole = OnnxModel(model)
    whole.prune_graph()  # first: what only seems to be read is not fused
    fuse_normalizations(model)
    fuse_activations(model)
    whole.prune_graph()
    whole.topological_sort()


def _joined_weights(model: ModelProto, attention: Attention, layers: Sequence[_Layer]) -> tuple[str, str]:
    """Add constants: the weights of query, key and value as one, and the shape in which the operator reads products."""
    weights = [numpy_helper.to_array(layer.weights) for layer in layers]
    # [hidden, heads, size] each -> [hidden, heads, 3, size], the order in which the operator takes them apart.
    joined = np.stack([each.reshape(len(each), attention.heads, -1) for each in weights], axis=2)
    name = _name_before(attention)
    weight = constant(model.graph, f"{name}/weight", joined.reshape(len(joined), -1))
    shape = constant(model.graph, f"{name}/shape", np.array([0, 0, *joined.shape[1:]], np.int64))
    return weight, shape


def _join(model: ModelProto, attention: Attention, layers: Sequence[_Layer], weight: str, shape: str) -> None:
    """Put one product, and MultiHeadAttention of its result, in the place of an attention and the products before."""
    name = _name_before(attention)
    bias = constant(model.graph, f"{name}/bias", np.concatenate([layer.bias for layer in layers]))
    product, apart = f"{name}/MatMul_output_0", f"{name}/Reshape_output_0"
    model.graph.node.extend(
        [
            helper.make_node("MatMul", [layers[0].input, weight], [product], f"{name}/MatMul"),
            helper.make_node("Reshape", [product, shape], [apart], f"{name}/Reshape"),
        ]
    )
    for tensor in (product, apart):
        say_float(model, tensor)
    replace_attention(model, attention, "MultiHeadAttention", [apart, "", "", bias, "", attention.mask])


def _name_before(attention: Attention) -> str:
    """What the names begin with of all that is added before an attention."""
    return f"{attention.name.rpartition('/')[0]}/joined"


def _layer(made: Mapping[str, NodeProto], constants: Mapping[str, TensorProto], name: str) -> _Layer:
    """The linear layer that gives a tensor."""
    added = made[name]
    place = next((place for place, term in enumerate(added.input) if term in constants), None)
    product = made.get(added.input[1 - place]) if place is not None and added.op_type == "Add" else None
    if place is None or product is None or product.op_type != "MatMul":
        raise BugError(f"{name} is no linear layer's result")
    bias = numpy_helper.to_array(constants[added.input[place]])
    return _Layer(product.input[0], constants[product.input[1]], bias)


def _attention(
    model: ModelProto, softmax: NodeProto, makers: Mapping[str, NodeProto], readers: Mapping[str, NodeProto]
) -> Attention:
    masked = _made(makers, softmax.input[0], "Add")
    scores = _made(makers, masked.input[0], "MatMul")
    shares = _read(readers, softmax.output[0], "MatMul")
    last = _read(readers, _read(readers, shares.output[0], "Transpose").output[0], "Reshape", "Shape")
    if last.op_type == "Shape":  # both read the same tensor
        last = next(node for node in model.graph.node if node.op_type == "Reshape" and node.input[0] == last.input[0])
    (query, heads), (key, _), (value, _) = (
        _before_heads(makers, name) for name in (scores.input[0], scores.input[1], shares.input[1])
    )
    return Attention(softmax.name, query, key, value, heads, masked.input[1], last)


def _before_heads(makers: Mapping[str, NodeProto], name: str) -> tuple[str, int]:
    """The tensor [rows, length, hidden] that was cut into heads, and how many those are."""
    # Keys go through two of them, see export.graphs.packed.
    while makers[name].op_type == "Transpose":
        name = makers[name].input[0]
    reshape = _made(makers, name, "Reshape")
    shape = _made(makers, reshape.input[1], "Concat")
    constant = _made(makers, shape.input[_PLACE_OF_HEADS], "Constant")
    return reshape.input[0], int(numpy_helper.to_array(constant.attribute[0].t).reshape(-1)[0])


def _made(makers: Mapping[str, NodeProto], name: str, kind: str) -> NodeProto:
    node = makers.get(name)
    if node is None or node.op_type != kind:
        raise BugError(f"{name} is made by {node.op_type if node else 'nothing'}, where {kind} was expected")
    return node


def _read(readers: Mapping[str, NodeProto], name: str, *kinds: str) -> NodeProto:
    node = readers.get(name)
    if node is None or node.op_type not in kinds:
        raise BugError(f"{name} is read by {node.op_type if node else 'nothing'}, where {kinds[0]} was expected")
    return node
