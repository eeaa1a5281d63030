"""What stands between attentions, as operators of ONNX Runtime that a GPU runs as one kernel each.

    SkipLayerNormalization    LayerNormalization(x + bias + skip)
    BiasGelu                  GELU(x + bias), with the error function, not with its approximation

Such kernels compute next to nothing: they wait for memory, and each reads and writes a batch's activations once. ONNX
Runtime's optimizer fuses GELU by itself, but no normalization that stays fp32 between casts: with 10 kernels a layer
where 2 do, an H100 spent a third of its time on them. On a GPU, ONNX Runtime 1.31 sums in fp32 what
it is given in fp16 (microsoft/onnxruntime, pull request 28682). Its CPU provider has both operators in fp32, so that
the logits are compared before the graph becomes fp16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

DOMAIN = "com.microsoft"
"""Of ONNX Runtime's own operators."""


def fuse_normalizations(model: ModelProto) -> None:
    """Put SkipLayerNormalization in the place of each LayerNormalization of a sum of two activations.

    A bias that is added to one of the two before is taken in. What is normalized without a sum before it stays.
    """
    links = _Links(model)
    for node in [node for node in model.graph.node if node.op_type == "LayerNormalization"]:
        total = links.made_for_one(node.input[0], "Add")
        if total is None or links.bias_place(total) is not None:
            continue
        terms, gone = list(total.input), [total, node]
        bias: list[str] = []
        for place, name in enumerate(total.input):
            added = links.made_for_one(name, "Add")
            if added is not None and not bias and (where := links.bias_place(added)) is not None:
                terms[place], bias = added.input[1 - where], [added.input[where]]
                gone.append(added)
        fused = _node("SkipLayerNormalization", node, [*terms, *node.input[1:3], *bias])
        fused.attribute.extend(each for each in node.attribute if each.name == "epsilon")
        _replace(model, gone, fused)


def fuse_activations(model: ModelProto) -> None:
    """Put BiasGelu in the place of each GELU with the error function, and of the addition of a bias before it.

    PyTorch exports x = product + bias, then 0.5 * (x * (1 + Erf(x / sqrt(2)))). Other activations stay.
    """
    links = _Links(model)
    for erf in [node for node in model.graph.node if node.op_type == "Erf"]:
        divided = links.made_for_one(erf.input[0], "Div", math.sqrt(2))
        raised = links.only_reader(erf.output[0], "Add", 1.0)
        product = links.only_reader(raised.output[0], "Mul") if raised is not None else None
        half = links.only_reader(product.output[0], "Mul", 0.5) if product is not None else None
        added = links.made.get(divided.input[0]) if divided is not None else None
        if divided is None or raised is None or product is None or half is None or added is None:
            continue
        where = links.bias_place(added)
        if where is None or added.output[0] not in product.input or len(links.readers[added.output[0]]) > 2:
            continue
        fused = _node("BiasGelu", half, [added.input[1 - where], added.input[where]])
        _replace(model, [added, divided, erf, raised, product, half], fused)


def say_float(model: ModelProto, tensor: str) -> None:
    """Note that a tensor is float: ONNX's type inference, which converting to fp16 relies on, cannot tell by itself."""
    model.graph.value_info.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))


class _Links:
    """Which node makes each tensor, which nodes read it, and which tensors are constant."""

    def __init__(self, model: ModelProto) -> None:
        self.made = {name: node for node in model.graph.node for name in node.output}
        # Who asks the graph for a result reads it, too, like a node that is none of those in question.
        self.readers = {value.name: [NodeProto()] for value in model.graph.output}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                self._constants[node.output[0]] = node.attribute[0].t
            elif node.op_type == "Identity" and node.input[0] in self._constants:  # layers that share their weights
                self._constants[node.output[0]] = self._constants[node.input[0]]

    def made_for_one(self, name: str, kind: str, constant: float | None = None) -> NodeProto | None:
        """The node of that kind that makes a tensor, if one node alone reads it; None where it is another."""
        node = self.made.get(name)
        return node if node is not None and len(self.readers[name]) == 1 and self._is(node, kind, constant) else None

    def only_reader(self, name: str, kind: str, constant: float | None = None) -> NodeProto | None:
        """The one node that reads a tensor, if it is of that kind; None otherwise."""
        found = self.readers.get(name, [])
        return found[0] if len(found) == 1 and self._is(found[0], kind, constant) else None

    def bias_place(self, node: NodeProto) -> int | None:
        """Which input of an addition is a bias, a constant of one axis; None where neither is."""
        if node.op_type != "Add":
            return None
        sizes = [len(self._constants[name].dims) if name in self._constants else 0 for name in node.input]
        return sizes.index(1) if 1 in sizes else None

    def _is(self, node: NodeProto, kind: str, constant: float | None) -> bool:
        """Whether the node is of that kind and, where a constant is given, one of its inputs is that number."""
        numbers = [numpy_helper.to_array(self._constants[name]) for name in node.input if name in self._constants]
        near = constant is None or any(each.size == 1 and np.isclose(each.item(), constant) for each in numbers)
        return node.op_type == kind and near


def _node(operator: str, last: NodeProto, inputs: Sequence[str]) -> NodeProto:
    """A node of ONNX Runtime's that gives what the last of the nodes in its place gave."""
    name = f"{last.name.rpartition('/')[0]}/{operator}"
    return helper.make_node(operator, inputs, list(last.output), name=name, domain=DOMAIN)


def _replace(model: ModelProto, gone: Sequence[NodeProto], fused: NodeProto) -> None:
    for node in gone:
        model.graph.node.remove(node)
    model.graph.node.append(fused)
    say_float(model, fused.output[0])
