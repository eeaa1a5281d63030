"""Packed graph -> the same with each attention as one operator, MultiHeadAttention, for ONNX Runtime on a GPU.

ONNX Runtime's optimizer recognizes attention under a padding mask, and not under a block mask. But its operator accepts
a block mask, as a bias that is added to the scores; on an H100 it then takes cuDNN's flash attention, which never
writes the scores to memory (contrib operator of ONNX Runtime, inputs query, key, value: [rows, length, hidden],
attention_bias: [rows or 1, heads or 1, length, length]). Biases are left to queries alone (see
export.graphs.attention_biases): given to the operator, they cost it a kernel that copies all three. What stands between
attentions is fused, too. Its CPU kernel computes in fp32 alone, so the graph in fp16 is for GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.attention_biases import with_query_biases_alone
from export.graphs.ort_fusions import DOMAIN, fuse_activations, fuse_normalizations, say_float
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


def fused_from_graph(source: Path, output: Path, graph: Graph) -> Graph:
    """Write the graph with fused attention.

    Args:
        source: a packed graph in fp32, as export.graphs.packed writes it.
        output: the ONNX file to write.
        graph: what the manifest says of the source.

    Raises:
        BugError: an attention does not stand there as export.graphs.packed writes it.
    """
    onnx.save(with_fused_attention(onnx.load(source)), output)
    return fused_graph(replace(graph, file=output.name))


def fused_graph(graph: Graph) -> Graph:
    """What the manifest says of a packed graph with fused attention."""
    return replace(graph, made_for="onnxruntime")


def with_fused_attention(model: ModelProto) -> ModelProto:
    """A copy of a packed graph in fp32 with one operator for each attention; see fused_from_graph."""
    changed = with_query_biases_alone(model)
    for each in attentions_of(changed):
        inputs = [each.query, each.key, each.value, "", "", each.mask]
        replace_attention(changed, each, "MultiHeadAttention", inputs)
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
