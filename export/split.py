"""Channels that stand out, each as several smaller ones: the same graph in fp32, in which int8 does less harm.

Where one channel can move a product's result many times as far as its neighbours can, its range sets the step of all.
Its weights are dealt out to copies of it, and each copy then has a part in the result like any other channel's (Zhao et
al. 2019, "Improving Neural Network Quantization without Retraining using Outlier Channel Splitting"). The copies are
rounded a fraction of a step apart, so that together they have the finer step.

    x @ w == copies(x) @ parts(w)

Everything stays in int8 and in one product. A tensor that comes from another product by way of an activation gets its
copies there, as columns of its weights: next to no work, and engines still fuse all of it. Any other is gathered from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper

from export.products import Product, constant, products, replace_nodes
from runtime.numbers import ranges

Array = NDArray[np.float32]

# A channel stands out if it can move a result this many times as far as 99 in 100 channels can. MiniLM has some that do
# so 145, 71 and 60 times as far, all behind activations. With 3.0, logits move 6% more and the speed is the same.
_STANDS_OUT = 1.5
# The most channels of a tensor that are copied, and the most copies in all.
_MOST_CHANNELS, _MOST_COPIES = 8, 96
# Operators that treat every channel alike, as activations are made of.
_ALIKE = frozenset(
    ("Add", "Cast", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu")
) | frozenset(("Mul", "Neg", "Pow", "Relu", "Selu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Tanh"))


@dataclass(frozen=True, slots=True)
class Split:
    """How a tensor is widened. All: [channels + copies]

    Attributes:
        source: the channel that each is a copy of; the first ones are the channels themselves.
        share: of the source's weights, 0 to 1; those of one source add up to 1.
        offset: where each is rounded, in steps, -0.5 to 0.5; those of one source add up to 0.
    """

    source: NDArray[np.int64]
    share: Array
    offset: Array

    @property
    def copies(self) -> int:
        """How many channels it adds."""
        return int(np.count_nonzero(self.share < 1) - np.unique(self.source[self.share < 1]).size)


def split_of(reach: Array, weights: Array) -> Split:
    """How to widen a tensor; no copies where no channel stands out.

    Args:
        reach: half the range of each channel, on text. [inputs]
        weights: of all products that take it. [inputs, outputs]
    """
    part = reach * np.abs(weights).max(axis=1)  # how far each can move a result
    like = max(_STANDS_OUT * float(np.quantile(part, 0.99)), 1e-12)
    parts = np.ones(len(part), np.int64)  # that each channel becomes
    chosen = np.argsort(-part, kind="stable")[:_MOST_CHANNELS]
    parts[chosen] = np.clip(np.ceil(part[chosen] / like), 1, 1 + _MOST_COPIES)
    while parts.sum() - len(parts) > _MOST_COPIES:
        parts[parts.argmax()] -= 1
    channels, copies = np.arange(len(parts)), np.repeat(np.arange(len(parts)), parts - 1)
    source = np.concatenate([channels, copies])
    number = np.concatenate([np.zeros_like(channels), ranges(np.ones_like(parts), parts - 1)])  # of those of one source
    offset = (number - (parts[source] - 1) / 2) / parts[source]
    return Split(source, (1 / parts[source]).astype(np.float32), offset.astype(np.float32))


def with_copies(model: onnx.ModelProto, splits: Mapping[str, Split]) -> tuple[onnx.ModelProto, dict[str, Split]]:
    """The graph with tensors widened, and the splits by what those are called in it.

    Args:
        model: the graph; it is left as it is.
        splits: of tensors that products take, by name.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    nodes = {node.name: node for node in graph.node}
    before: dict[str, list[NodeProto]] = {}
    named: dict[str, Split] = {}
    for tensor, split in splits.items():
        made = products(changed)  # anew each time: what widens one tensor's columns widens another product's
        users = [product for product in made if product.input == tensor]
        maker = _maker(graph, tensor, users, made)
        if maker is not None:
            _set(graph, nodes, maker, maker.weights[:, split.source], maker.bias[split.source])
        else:
            before[users[0].name] = _gathered(graph, tensor, split, len(users[0].weights))
        for user in users:
            _set(graph, nodes, user, user.weights[split.source] * split.share[:, None], user.bias)
            if maker is None:
                nodes[user.name].input[0] = f"{tensor}/wide"
        named[tensor if maker is not None else f"{tensor}/wide"] = split
    replace_nodes(graph, [each for node in graph.node for each in (*before.get(node.name, ()), node)])
    return changed, named


def _maker(graph: onnx.GraphProto, tensor: str, users: Sequence[Product], made: Sequence[Product]) -> Product | None:
    """The product that the tensor comes from by operators that treat every channel alike, if nothing else sees it."""
    makers = {name: node for node in graph.node for name in node.output}
    by_add = {product.add: product for product in made}
    scalars = _scalars(graph)
    found: set[str] = set()
    path = {user.name for user in users}
    names, seen = [tensor], {tensor}
    while names:
        node = makers.get(names.pop())
        if node is None:
            return None
        if node.name in by_add:
            found.add(node.name)
            continue
        if node.op_type not in _ALIKE:
            return None
        path.add(node.name)
        fresh = {name for name in node.input if name and name not in scalars} - seen
        names += fresh
        seen |= fresh
    outputs = {output.name for output in graph.output}
    elsewhere = any(node.name not in path and seen & set(node.input) for node in graph.node)
    return None if len(found) != 1 or elsewhere or seen & outputs else by_add[found.pop()]


def _scalars(graph: onnx.GraphProto) -> set[str]:
    """Names of constants that are one number."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            tensors[node.output[0]] = node.attribute[0].t
    return {name for name, tensor in tensors.items() if math.prod(tensor.dims) == 1}


def _set(graph: onnx.GraphProto, nodes: Mapping[str, NodeProto], product: Product, weights: Array, bias: Array) -> None:
    """Other weights and another bias for a product; the number in their names is for products that get them twice."""
    number = len(graph.initializer)
    nodes[product.name].input[1] = constant(graph, f"{product.name}/wide/{number}/weights", weights)
    nodes[product.add].input[product.place] = constant(graph, f"{product.name}/wide/{number}/bias", bias)


def _gathered(graph: onnx.GraphProto, tensor: str, split: Split, channels: int) -> list[NodeProto]:
    which = constant(graph, f"{tensor}/which", split.source[channels:])
    return [
        helper.make_node("Gather", [tensor, which], [f"{tensor}/copies"], f"{tensor}/Gather", axis=-1),
        helper.make_node("Concat", [tensor, f"{tensor}/copies"], [f"{tensor}/wide"], f"{tensor}/Concat", axis=-1),
    ]
