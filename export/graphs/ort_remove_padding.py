"""Packed graph -> padded layout without the work of padding: ONNX Runtime's packing mode, for its CUDA provider alone.

Token slots that hold nothing are taken out once, after the embeddings, and put back before the classifier. In between
there are no rows, but all tokens of the batch, one after another; PackedMultiHeadAttention is told where each window
begins. (Contrib operators of ONNX Runtime 1.31: RemovePadding, PackedMultiHeadAttention, RestorePadding.)

In the middle of each batch the GPU must tell the CPU how many tokens there are, so no batch can be captured as a CUDA
graph. Whether it is faster than rows that are packed beforehand is measured on the GPU.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from export.graphs.attention_biases import with_query_biases_alone
from export.graphs.ort_attention import Attention, attentions_of, fuse_others, replace_attention
from export.graphs.ort_fusions import DOMAIN, say_float
from export.quantize.linear_layers import CLASSIFIER
from runtime.batch.batches import NOTHING
from runtime.bundle.store import Graph
from runtime.errors import BugError

# What this writes into a graph keeps the names that it had at first: they are part of the file's digest.
_COUNTS, _OFFSETS, _STARTS = "/packing/counts", "/packing/offsets", "/packing/starts"


def packing_graph(graph: Graph) -> Graph:
    """What the manifest says of a packed graph that takes its padding out by itself."""
    return replace(graph, layout="padded", made_for="onnxruntime", capturable=False)


def without_padding(given: ModelProto) -> ModelProto:
    """A copy of a graph that takes its padding out. Rows hold one window each, from their first token slot on.

    Args:
        given: a packed graph in fp32, as export.graphs.packed writes it.

    Raises:
        BugError: an attention or the classifier does not stand there as export.graphs.packed writes it.
    """
    model = with_query_biases_alone(given)
    attentions = attentions_of(model)
    _take_padding_out(model, attentions[0])
    for each in attentions:
        # A mask that only says which token may see which follows from where the windows begin, so it is not needed.
        made = next(node for node in model.graph.node if each.mask in node.output)
        bias = "" if made.op_type == "Unsqueeze" else each.mask
        inputs = [each.query, each.key, each.value, "", _OFFSETS, _STARTS, bias]
        replace_attention(model, each, "PackedMultiHeadAttention", inputs)
    _put_padding_back(model)
    fuse_others(model)
    return model


def _take_padding_out(model: ModelProto, first: Attention) -> None:
    """Before the first layer: [rows, length, hidden] -> [tokens, hidden]."""
    nodes = {name: node for node in model.graph.node for name in node.output}
    hidden = _layer_before(nodes, first.query).input[0]
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == hidden:
                node.input[place] = f"{hidden}/pieces"
    nothing = numpy_helper.from_array(np.array(NOTHING, np.int64), "/packing/nothing")
    columns = numpy_helper.from_array(np.array([1], np.int64), "/packing/columns")
    model.graph.initializer.extend([nothing, columns])
    made = [f"{hidden}/pieces", _OFFSETS, _STARTS, "/packing/longest"]
    say_float(model, made[0])
    model.graph.node.extend(
        [
            helper.make_node("Greater", ["segment_ids", nothing.name], ["/packing/filled"], "/packing/Greater"),
            helper.make_node("Cast", ["/packing/filled"], ["/packing/ones"], "/packing/Cast", to=TensorProto.INT32),
            helper.make_node("ReduceSum", ["/packing/ones", columns.name], [_COUNTS], "/packing/ReduceSum", keepdims=0),
            helper.make_node("RemovePadding", [hidden, _COUNTS], made, "/packing/RemovePadding", domain=DOMAIN),
        ]
    )


def _put_padding_back(model: ModelProto) -> None:
    """Before the classifier: [tokens, hidden] -> [rows, length, hidden]."""
    classifier = next((node for node in model.graph.node if node.op_type == "MatMul" and CLASSIFIER in node.name), None)
    if classifier is None:
        raise BugError("no multiplication with the classifier's weights")
    inputs, rows = [classifier.input[0], _OFFSETS], "/packing/rows"
    classifier.input[0] = rows
    say_float(model, rows)
    model.graph.node.append(
        helper.make_node("RestorePadding", inputs, [rows], "/packing/RestorePadding", domain=DOMAIN)
    )


def _layer_before(nodes: dict[str, NodeProto], name: str) -> NodeProto:
    """The multiplication whose result, after a bias is added, is that tensor."""
    added = nodes[name]
    found = next((nodes[one] for one in added.input if one in nodes and nodes[one].op_type == "MatMul"), None)
    if found is None:
        raise BugError(f"no multiplication before {name}")
    return found
