"""Packed graph -> the same with each attention as one operator, MultiHeadAttention, for ONNX Runtime on a card.

ONNX Runtime's optimizer knows attentions under a mask of padding, and not under a block mask. Its operator takes one
all the same, as a bias that is added to the scores; on a card its memory-efficient kernel then never writes the scores
to memory (contrib operator of ONNX Runtime, inputs query, key, value: [rows, length, hidden], attention_bias:
[rows or 1, heads or 1, length, length]). Its CPU kernel computes in fp32 alone, so that fp16 is for cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from runtime.bundle import Graph
from runtime.errors import BugError

_DOMAIN = "com.microsoft"
_PLACE_OF_HEADS = 2  # of [rows, length, heads, size]


def fused_from_graph(source: Path, output: Path, graph: Graph) -> Graph:
    """Write the graph with fused attention.

    Args:
        source: a packed graph in fp32, as export.packed writes it.
        output: the ONNX file to write.
        graph: what the manifest says of the source.

    Raises:
        BugError: an attention does not stand there as export.packed writes it.
    """
    model = onnx.load(source)
    makers = {name: node for node in model.graph.node for name in node.output}
    readers = {name: node for node in model.graph.node for name in node.input}
    for softmax in [node for node in model.graph.node if node.op_type == "Softmax"]:
        _fuse(model, softmax, makers, readers)
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    whole = OnnxModel(model)
    whole.prune_graph()
    whole.topological_sort()
    onnx.save(whole.model, output)
    return replace(graph, file=output.name, made_for="onnxruntime")


def _fuse(
    model: ModelProto, softmax: NodeProto, makers: Mapping[str, NodeProto], readers: Mapping[str, NodeProto]
) -> None:
    """Put one operator in the place of everything between the three products and the next one."""
    masked = _made(makers, softmax.input[0], "Add")
    scores = _made(makers, masked.input[0], "MatMul")
    shares = _read(readers, softmax.output[0], "MatMul")
    back = _read(readers, _read(readers, shares.output[0], "Transpose").output[0], "Reshape", "Shape")
    if back.op_type == "Shape":  # both read the same tensor
        back = next(node for node in model.graph.node if node.op_type == "Reshape" and node.input[0] == back.input[0])
    (query, heads), (key, _), (value, _) = (
        _before_heads(makers, name) for name in (scores.input[0], scores.input[1], shares.input[1])
    )
    fused = helper.make_node(
        "MultiHeadAttention",
        [query, key, value, "", "", masked.input[1]],
        [back.output[0]],
        name=softmax.name.replace("Softmax", "MultiHeadAttention"),
        domain=_DOMAIN,
        num_heads=heads,
        scale=1.0,  # it stands in the query's weights, see export.packed
    )
    model.graph.node.remove(back)
    model.graph.node.append(fused)


def _before_heads(makers: Mapping[str, NodeProto], name: str) -> tuple[str, int]:
    """The tensor [rows, length, hidden] that was cut into heads, and how many those are."""
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
