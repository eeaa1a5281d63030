"""Packed graph -> the same with each attention as one operator, MultiHeadAttention, for ONNX Runtime on a GPU.

ONNX Runtime's optimizer recognizes attention under a padding mask, and not under a block mask. But its operator accepts
a block mask, as a bias that is added to the scores; on an H100 it then takes cuDNN's flash attention, which never
writes the scores to memory. (Contrib operator of ONNX Runtime; query, key and value in one tensor [rows, length, heads,
3, size], their biases [3 * hidden], attention_bias [rows or 1, heads or 1, length, length].)

Query, key and value are one product. The operator takes it apart and adds the biases in one kernel. On an H100 that is
as fast as three products and one bias in large batches, and keeps the GPU busy 15% less for one text (docs/gpu.md).
What stands between attentions is fused, too. ONNX Runtime's CPU provider does not take this form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.copies import copy_of
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
    changed = copy_of(model)
    made = {name: node for node in changed.graph.node for name in node.output}
    constants = constants_of(changed.graph)
    for each in attentions_of(changed):
        _join(changed, each, made, constants)
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


def _join(
    model: ModelProto, attention: Attention, made: Mapping[str, NodeProto], constants: Mapping[str, TensorProto]
) -> None:
    """Put one product, and MultiHeadAttention of its result, in the place of an attention and the products before."""
    parts = [_layer(made, constants, name) for name in (attention.query, attention.key, attention.value)]
    hidden, weights, biases = parts[0][0], [part[1] for part in parts], [part[2] for part in parts]
    name, heads = attention.name.rpartition("/")[0], attention.heads
    # [hidden, heads, size] each -> [hidden, heads, 3, size], the order in which the operator takes them apart.
    joined = np.stack([each.reshape(len(each), heads, -1) for each in weights], axis=2)
    weight = constant(model.graph, f"{name}/joined/weight", joined.reshape(len(joined), -1))
    shape = constant(model.graph, f"{name}/joined/shape", np.array([0, 0, *joined.shape[1:]], np.int64))
    bias = constant(model.graph, f"{name}/joined/bias", np.concatenate(biases))
    product, apart = f"{name}/joined/MatMul_output_0", f"{name}/joined/Reshape_output_0"
    model.graph.node.extend(
        [
            helper.make_node("MatMul", [hidden, weight], [product], f"{name}/joined/MatMul"),
            helper.make_node("Reshape", [product, shape], [apart], f"{name}/joined/Reshape"),
        ]
    )
    for tensor in (product, apart):
        say_float(model, tensor)
    replace_attention(model, attention, "MultiHeadAttention", [apart, "", "", bias, "", attention.mask])


def _layer(
    made: Mapping[str, NodeProto], constants: Mapping[str, TensorProto], name: str
) -> tuple[str, NDArray[np.floating], NDArray[np.floating]]:
    """Of the linear layer that gives a tensor: its input, its weights [inputs, outputs] and its bias."""
    added = made[name]
    place = next((place for place, term in enumerate(added.input) if term in constants), None)
    product = made.get(added.input[1 - place]) if place is not None and added.op_type == "Add" else None
    if place is None or product is None or product.op_type != "MatMul":
        raise BugError(f"{name} is no linear layer's result")
    weights, bias = (numpy_helper.to_array(constants[each]) for each in (product.input[1], added.input[place]))
    return product.input[0], weights, bias


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
