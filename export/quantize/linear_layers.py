"""The linear layers of an ONNX graph, and the same graph with some of them in int8.

In int8 a layer's input is first centered and scaled, channel by channel, so that all channels fill the same range;
the weights and the bias take both back. Weights are symmetric; the input is stored as uint8 around 128, which is the
form that both OpenVINO and ONNX Runtime multiply at once. (Stored as int8 around 0, the same numbers take ONNX Runtime
a third longer: it fuses 17 of MiniLM's 30 layers, since x86 multiplies uint8 by int8.)

    input -> Mul -> Add -> QuantizeLinear -> DequantizeLinear -> MatMul <- DequantizeLinear <- int8 weights

Outlier channels are larger than all others by far, and would leave the others no precision. Few models have more than
two in a layer. They are gathered, multiplied in floating point and added (Dettmers et al. 2022, "LLM.int8()").

Names of the nodes and tensors that this adds (".../apart", ".../stored") are part of a graph's digest: they stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from export.graphs.copies import without_weights

_Message = TypeVar("_Message", NodeProto, onnx.TensorProto)

CLASSIFIER = "/classifier/"
"""In the names of all nodes of the layer that decides the label."""


@dataclass(frozen=True, slots=True)
class LinearLayer:
    """A matrix multiplication with constant weights, and the addition of its bias.

    Attributes:
        name: of the node that multiplies; layers that share an input can be computed from one quantized copy of it.
        input: the tensor that is multiplied. [..., inputs]
        weights: [inputs, outputs]
        bias: [outputs]
        add, place: the node that adds the bias, and which of its inputs the bias is.
    """

    name: str
    input: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    add: str
    place: int

    @property
    def macs(self) -> int:
        """Of one token."""
        return int(self.weights.size)


@dataclass(frozen=True, slots=True)
class InputQuantization:
    """How a tensor is quantized to int8: x is stored as round((x - center) * scale / step), -127 to 127.

    Attributes:
        center, scale: of each channel. [channels]
        step: of the stored numbers.
        outlier_channels: channels that are multiplied in floating point; their scale is 0.
    """

    center: NDArray[np.float32]
    scale: NDArray[np.float32]
    step: float
    outlier_channels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Int8Layer:
    """A linear layer in int8.

    Attributes:
        weights: [inputs, outputs], -127 to 127.
        step: of each output's weights. [outputs]
        bias: corrected by the input's center, and by the mean error of quantization. [outputs]
    """

    weights: NDArray[np.int8]
    step: NDArray[np.float32]
    bias: NDArray[np.float32]


def linear_layers(model: onnx.ModelProto) -> list[LinearLayer]:
    """Every linear layer that has a bias, in the order of the graph."""
    return list(_one_by_one(model))


def _one_by_one(model: onnx.ModelProto) -> Iterator[LinearLayer]:
    """The same, each with its weights only as long as somebody holds it: a large model's are gigabytes."""
    constants = constants_of(model.graph)
    users: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    for node in model.graph.node:
        # The exporter writes a linear layer as MatMul and Add.
        add = next((user for user in users.get(node.output[0], ()) if user.op_type == "Add"), None)
        if node.op_type != "MatMul" or node.input[1] not in constants or add is None:
            continue
        place = 0 if add.input[1] == node.output[0] else 1
        weights, bias = constants[node.input[1]], constants.get(add.input[place])
        if bias is not None and len(weights.dims) == 2:
            arrays = numpy_helper.to_array(weights), numpy_helper.to_array(bias)
            yield LinearLayer(node.name, node.input[0], *arrays, add.name, place)


def in_int8(
    model: onnx.ModelProto, inputs: Mapping[str, InputQuantization], layers: Mapping[str, Int8Layer]
) -> onnx.ModelProto:
    """A copy of the graph with some linear layers in int8.

    Args:
        model: the graph in fp32.
        inputs: how to quantize tensors, by name.
        layers: the layers in int8, by name; each one's input is among `inputs`.
    """
    # Without its weights: most of them are replaced, and a large model's are gigabytes.
    changed = without_weights(model)
    graph = changed.graph
    nodes = {node.name: node for node in graph.node}
    before: dict[str, list[NodeProto]] = {}  # node -> what must be computed before it
    after: dict[str, list[NodeProto]] = {}
    quantized: set[str] = set()
    for layer in _one_by_one(model):
        if layer.name not in layers:
            continue
        quantization, made = inputs[layer.input], before.setdefault(layer.name, [])
        # Query, key and value read one tensor, which is quantized once for all three.
        if layer.input not in quantized:
            made += _quantize_input(graph, layer.input, quantization)
            quantized.add(layer.input)
        made.append(_dequantized_weights(graph, layer.name, layers[layer.name]))
        add = nodes[layer.add]
        _read_int8(graph, nodes[layer.name], add, layer, layers[layer.name])
        if quantization.outlier_channels:
            # The layer's result gets another name, and the sum with the outliers' part takes the old one.
            after[layer.add] = _outlier_channels(graph, layer, quantization, add.output[0])
            add.output[0] = f"{layer.name}/biased"
    ordered = [each for node in graph.node for each in (*before.get(node.name, ()), node, *after.get(node.name, ()))]
    # ONNX wants nodes in the order in which they can be computed.
    _replace(graph, ordered, model.graph.initializer)
    onnx.checker.check_model(changed)
    return changed


def _read_int8(graph: onnx.GraphProto, node: NodeProto, add: NodeProto, layer: LinearLayer, int8: Int8Layer) -> None:
    """Let a layer's nodes read the dequantized input and weights, and the corrected bias."""
    node.input[0], node.input[1] = f"{layer.input}/int8", f"{layer.name}/weights"
    add.input[layer.place] = constant(graph, f"{layer.name}/bias", int8.bias)


def _quantize_input(graph: onnx.GraphProto, tensor: str, quantization: InputQuantization) -> list[NodeProto]:
    scale = constant(graph, f"{tensor}/scale", quantization.scale)
    shift = constant(graph, f"{tensor}/shift", -quantization.center * quantization.scale)
    step = constant(graph, f"{tensor}/step", np.float32(quantization.step))
    zero = constant(graph, f"{tensor}/zero", np.uint8(128))
    return [
        helper.make_node("Mul", [tensor, scale], [f"{tensor}/scaled"], f"{tensor}/Mul"),
        helper.make_node("Add", [f"{tensor}/scaled", shift], [f"{tensor}/centred"], f"{tensor}/Add"),
        helper.make_node("QuantizeLinear", [f"{tensor}/centred", step, zero], [f"{tensor}/stored"], f"{tensor}/Q"),
        helper.make_node("DequantizeLinear", [f"{tensor}/stored", step, zero], [f"{tensor}/int8"], f"{tensor}/DQ"),
    ]


def _dequantized_weights(graph: onnx.GraphProto, name: str, layer: Int8Layer) -> NodeProto:
    stored = constant(graph, f"{name}/stored", layer.weights)
    step = constant(graph, f"{name}/step", layer.step)
    zero = constant(graph, f"{name}/zero", np.zeros(len(layer.step), np.int8))
    return helper.make_node("DequantizeLinear", [stored, step, zero], [f"{name}/weights"], f"{name}/DQ", axis=1)


def _outlier_channels(
    graph: onnx.GraphProto, layer: LinearLayer, quantization: InputQuantization, result: str
) -> list[NodeProto]:
    """Add what the outlier channels contribute. It comes after the bias, which backends fuse with the layer."""
    name, channels = layer.name, quantization.outlier_channels
    which = constant(graph, f"{name}/apart/which", np.array(channels, np.int64))
    weights = constant(graph, f"{name}/apart/weights", layer.weights[list(channels)])
    return [
        helper.make_node("Gather", [layer.input, which], [f"{name}/apart"], f"{name}/apart/Gather", axis=-1),
        helper.make_node("MatMul", [f"{name}/apart", weights], [f"{name}/apart/result"], f"{name}/apart/MatMul"),
        helper.make_node("Add", [f"{name}/biased", f"{name}/apart/result"], [result], f"{name}/apart/Add"),
    ]


def constant(graph: onnx.GraphProto, name: str, value: NDArray[np.generic] | np.generic) -> str:
    """Add a constant to a graph; its name."""
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def constants_of(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Initializers by name; where two layers share one, the exporter writes the second as an Identity of the first."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
    return constants


def _replace(graph: onnx.GraphProto, nodes: list[NodeProto], weights: Iterable[onnx.TensorProto]) -> None:
    """Give the graph other nodes, the weights and constants that they read, and no types that were inferred."""
    used = {name for node in nodes for name in node.input}
    # Copied, since they are part of the fields that are about to be emptied.
    nodes, added = [_copy(node) for node in nodes], [_copy(each) for each in graph.initializer if each.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(each for each in weights if each.name in used)
    graph.initializer.extend(added)


def _copy(value: _Message) -> _Message:
    copy = type(value)()
    copy.CopyFrom(value)
    return copy
