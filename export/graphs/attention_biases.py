"""The biases of queries, keys and values, moved to where they cost a GPU least. The logits stay the same.

    key's bias      dropped. It adds one number to all scores of a query, and a softmax does not see that.
    value's bias    moved behind the next linear layer. Shares of a softmax sum to 1, so that attention hands the bias
                    on as it is: out(attended + b) = out(attended) + b W.
    query's bias    added after the query was brought into heads, and not before.

Why: TensorRT computes query, key and value as one matrix multiplication, and its fused attention reads the result where
it lies. An addition between the two makes it copy all three into heads first. TensorRT for RTX 1.7 builds MiniLM to 53
kernels a run instead of 64 (docs/gpu.md). All of this is exact but for rounding. It knows nothing of precisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.copies import copy_of
from export.quantize.linear_layers import constant, constants_of
from runtime.errors import BugError

_PLACE_OF_HEADS = 2  # of [rows, length, heads, size]


def with_moved_biases(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a packed graph in fp32 with its biases moved; a graph without attention stays as it is.

    Raises:
        BugError: an attention does not stand there as export.graphs.packed writes it.
    """
    changed = copy_of(model)
    for attention in _attentions(changed):
        _drop_of_keys_and_values(changed, attention)
        _move_query(changed, attention)
    return _tidied(changed)


def with_query_biases_alone(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a packed graph in fp32 that adds biases to queries alone, before they are brought into heads.

    For operators that take whole queries, keys and values: of a layer's three additions, one is left.

    Raises:
        BugError: an attention does not stand there as export.graphs.packed writes it.
    """
    changed = copy_of(model)
    for attention in _attentions(changed):
        _drop_of_keys_and_values(changed, attention)
    return _tidied(changed)


def _tidied(changed: onnx.ModelProto) -> onnx.ModelProto:
    del changed.graph.value_info[:]  # it names tensors that are gone
    whole = OnnxModel(changed)
    whole.prune_graph()
    whole.topological_sort()
    return changed


def with_value_biases_folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the values' biases behind the next layer, and zeros where they and the keys' were.

    All nodes stay, so that every linear layer is still found. 8 bits are fitted to this graph, because the layer behind
    attention reads the same numbers here as after with_moved_biases. Attention is fused in it for the same reason.

    Raises:
        BugError: an attention does not stand there as export.graphs.packed writes it.
    """
    changed = copy_of(model)
    for attention in _attentions(changed):
        _fold_value(changed, attention)
        for add in (attention.key_add, attention.value_add):
            zeros = np.zeros_like(_bias(changed, add))
            add.input[_place_of_bias(changed, add)] = constant(changed.graph, f"{add.name}/no_bias", zeros)
    whole = OnnxModel(changed)
    whole.prune_graph()
    return changed


def layers_behind_values(model: onnx.ModelProto) -> dict[str, str]:
    """The names of the linear layers that make values, and of the one behind each attention: value -> behind it."""
    return {_multiplied(model, each.value_add).name: each.out.name for each in _attentions(model)}


@dataclass(frozen=True, slots=True)
class _Attention:
    """The nodes of one attention that matter here.

    Attributes:
        query_add, key_add, value_add: add the biases.
        query_heads: brings the query into heads.
        out, out_add: the linear layer behind attention, and the addition of its bias.
    """

    query_add: NodeProto
    key_add: NodeProto
    value_add: NodeProto
    query_heads: NodeProto
    out: NodeProto
    out_add: NodeProto


class _Links:
    """Which node makes each tensor, and which read it."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.made = {name: node for node in model.graph.node for name in node.output}
        self.readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def up(self, name: str, kind: str) -> NodeProto:
        """The nearest node of that kind above a tensor, along first inputs."""
        while name in self.made:
            node: NodeProto = self.made[name]
            if node.op_type == kind:
                return node
            name = node.input[0] if node.input else ""
        raise BugError(f"no {kind} above a tensor of an attention, where export.graphs.packed writes one")

    def down(self, name: str, kind: str) -> NodeProto:
        """The nearest node of that kind below a tensor. Who asks for its shape alone does not count."""
        while len(found := [node for node in self.readers.get(name, []) if node.op_type != "Shape"]) == 1:
            node: NodeProto = found[0]
            if node.op_type == kind:
                return node
            name = node.output[0]
        raise BugError(f"no {kind} below {name!r}, where export.graphs.packed writes one")


def _attentions(model: onnx.ModelProto) -> list[_Attention]:
    links = _Links(model)
    return [_attention(links, node) for node in model.graph.node if node.op_type == "Softmax"]


def _attention(links: _Links, softmax: NodeProto) -> _Attention:
    scores, attended = links.up(softmax.input[0], "MatMul"), links.down(softmax.output[0], "MatMul")
    query, key, value = (links.up(name, "Add") for name in (*scores.input[:2], attended.input[1]))
    out = links.down(attended.output[0], "MatMul")
    heads = links.up(scores.input[0], "Transpose")
    return _Attention(query, key, value, heads, out, links.down(out.output[0], "Add"))


def _drop(model: onnx.ModelProto, add: NodeProto) -> None:
    """Take the addition of a bias out of the graph."""
    place = _place_of_bias(model, add)
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == add.output[0]:
                node.input[index] = add.input[1 - place]
    model.graph.node.remove(add)


def _drop_of_keys_and_values(model: onnx.ModelProto, attention: _Attention) -> None:
    _drop(model, attention.key_add)
    _fold_value(model, attention)
    _drop(model, attention.value_add)


def _fold_value(model: onnx.ModelProto, attention: _Attention) -> None:
    """Add what the value's bias becomes to the bias of the linear layer behind attention."""
    constants, add = constants_of(model.graph), attention.out_add
    place = _place_of_bias(model, add)
    behind, weights = (numpy_helper.to_array(constants[name]) for name in (add.input[place], attention.out.input[1]))
    bias = _bias(model, attention.value_add)
    moved = behind.astype(np.float64) + bias.astype(np.float64) @ weights.astype(np.float64)
    add.input[place] = constant(model.graph, f"{add.name}/moved_bias", moved.astype(behind.dtype))


def _move_query(model: onnx.ModelProto, attention: _Attention) -> None:
    """Add the query's bias behind the transposition into heads: [rows, heads, length, size] + [heads, 1, size]."""
    add, heads = attention.query_add, attention.query_heads
    name, shape = f"{add.name}/heads", (_heads(model, heads), 1, -1)
    _drop(model, add)
    # The same node goes on, under its own name, at another place.
    bias = constant(model.graph, name, _bias(model, add).reshape(shape))
    whole, heads.output[0] = heads.output[0], f"{heads.output[0]}/without_bias"
    model.graph.node.append(helper.make_node("Add", [heads.output[0], bias], [whole], add.name))


def _heads(model: onnx.ModelProto, transpose: NodeProto) -> int:
    """Into how many heads the reshape before a transposition cuts: the third size of its shape."""
    links = _Links(model)
    reshape = links.up(transpose.input[0], "Reshape")
    sizes = links.up(reshape.input[1], "Concat").input
    size = links.up(sizes[_PLACE_OF_HEADS], "Constant").attribute[0].t
    return int(numpy_helper.to_array(size).reshape(-1)[0])


def _bias(model: onnx.ModelProto, add: NodeProto) -> NDArray[np.floating]:
    bias: NDArray[np.floating] = numpy_helper.to_array(constants_of(model.graph)[add.input[_place_of_bias(model, add)]])
    return bias


def _place_of_bias(model: onnx.ModelProto, add: NodeProto) -> int:
    """Which input of an addition is the bias."""
    constants = constants_of(model.graph)
    return next(place for place, name in enumerate(add.input) if name in constants)


def _multiplied(model: onnx.ModelProto, add: NodeProto) -> NodeProto:
    """The matrix multiplication whose result a bias is added to."""
    return _Links(model).up(add.input[1 - _place_of_bias(model, add)], "MatMul")
