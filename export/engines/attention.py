"""A graph's attention in the forms in which TensorRT finds a fused kernel for it.

    pattern     product, mask, softmax, product, all in one type: casts that keep the softmax in fp32 are taken out
    operator    the four as one operator, ONNX's Attention (opset 23), which TensorRT's parser makes an IAttention of

Sources: TensorRT's documentation, "Fused Attention" (fused kernels add up in fp32 inside, both ways are supported, the
operator is recommended) and the operators of its ONNX parser. Which is faster is for a GPU to say; an engine of either
is certified like any other. It knows nothing of engines.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import NodeProto, TensorProto, helper

from export.engines.options import Attention
from export.graphs.copies import copy_of

# The first operator set that has Attention; what else these graphs use means the same in it as in 17.
_OPSET = 23


def prepared(model: onnx.ModelProto, attention: Attention) -> onnx.ModelProto:
    """A copy of the graph with its attention in that form. Graphs that have no such attention stay as they are."""
    changed = with_half_softmax(model)
    return with_operator(changed) if attention == "operator" else changed


def with_half_softmax(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the graph with its softmax in fp16 where a cast before it and one behind it keep it in fp32.

    Casts between hide the pattern that TensorRT's fused attention is found by. Scores were fp16 before the cast, and
    shares are fp16 after it, so that nothing gets larger.
    """
    changed = copy_of(model)
    links = _Links.of(changed)
    dropped: list[NodeProto] = []
    for node in _of_kind(changed, "Softmax"):
        before, after = links.made.get(node.input[0]), links.reader(node.output[0])
        if before is None or after is None or not _casts_to(before, TensorProto.FLOAT):
            continue
        if _casts_to(after, TensorProto.FLOAT16):
            alone = links.reader(before.output[0]) is not None
            node.input[0], node.output[0] = before.input[0], after.output[0]
            dropped += [after, before] if alone else [after]
    _drop(changed, dropped)
    return changed


def with_operator(model: onnx.ModelProto, *, decomposable: bool = True) -> onnx.ModelProto:
    """A copy of the graph with each attention as one Attention, named after its two products: "first+second".

    Args:
        model: its queries are scaled already.
        decomposable: add the attribute by which TensorRT may take several kernels where it has no fused one; without
            it, such a build fails. It is TensorRT's own: others refuse a graph that has it.
    """
    changed = copy_of(model)
    links = _Links.of(changed)
    dropped: list[NodeProto] = []
    for softmax in _of_kind(changed, "Softmax"):
        add, second = links.made.get(softmax.input[0]), links.reader(softmax.output[0])
        if add is None or add.op_type != "Add" or second is None or second.op_type != "MatMul":
            continue
        first = links.made.get(add.input[0])
        if first is None or first.op_type != "MatMul":
            continue
        keys = f"{first.name}/keys"  # [rows, heads, length, size]; the product has them with the last two swapped
        swapped = helper.make_node("Transpose", [first.input[1]], [keys], keys, perm=[0, 1, 3, 2])
        given = [first.input[0], keys, second.input[1], add.input[1]]
        made = helper.make_node("Attention", given, [second.output[0]], f"{first.name}+{second.name}", scale=1.0)
        if decomposable:
            made.attribute.append(helper.make_attribute("TRT_decomposable", 1))
        at = list(changed.graph.node).index(second)
        changed.graph.node.insert(at, made)
        changed.graph.node.insert(at, swapped)
        dropped += [first, add, softmax, second]
    _drop(changed, dropped)
    if dropped:
        next(each for each in changed.opset_import if not each.domain).version = _OPSET
    return changed


@dataclass(frozen=True, slots=True)
class _Links:
    """Which node makes each tensor, and which read it."""

    made: dict[str, NodeProto]
    readers: dict[str, list[NodeProto]]

    @staticmethod
    def of(model: onnx.ModelProto) -> _Links:
        links = _Links({}, {})
        for node in model.graph.node:
            links.made.update(dict.fromkeys(node.output, node))
            for name in node.input:
                links.readers.setdefault(name, []).append(node)
        return links

    def reader(self, tensor: str) -> NodeProto | None:
        """The node that reads a tensor, if it is the only one."""
        found = self.readers.get(tensor, [])
        return found[0] if len(found) == 1 else None


def _of_kind(model: onnx.ModelProto, kind: str) -> list[NodeProto]:
    return [node for node in model.graph.node if node.op_type == kind]


def _drop(model: onnx.ModelProto, nodes: list[NodeProto]) -> None:
    for node in nodes:
        model.graph.node.remove(node)
    del model.graph.value_info[:]  # it names tensors that are gone


def _casts_to(node: NodeProto, kind: int) -> bool:
    return node.op_type == "Cast" and any(each.name == "to" and each.i == kind for each in node.attribute)
