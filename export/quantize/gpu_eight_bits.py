"""fp16 graph of packed layout -> the same with its linear layers in 8 bits, for GPUs: what fp8 and int8 share.

A linear layer reads both its factors through QuantizeLinear and DequantizeLinear, the form that TensorRT knows as
explicit quantization. Everything between is fp16, as TensorRT's fused kernels want it. The classifier, attention and
all else stay as they are in the fp16 graph.

    activation -> [Mul -> Add ->] QuantizeLinear -> DequantizeLinear -> MatMul <- DequantizeLinear <- 8-bit weights

Outlier channels are cut out, multiplied by their weights number by number, and added to the result:

    activation -> Slice -> Mul <- fp16 weights of that channel        MatMul -> Add

Written so, and not as a small matrix multiplication, TensorRT computes them in the kernel that adds the bias.

The graph in fp16 has no biases at keys and values (export.graphs.attention_biases). What centering and quantization add
to a key, a softmax does not see. What they add to a value is added to what attention makes of it: where that goes to 8
bits with a shift, in the shift, so that the stored numbers are those that were fitted; otherwise behind the next layer.

On a CPU, ONNX Runtime runs it by widening what it reads: as slow as it is exact, to certify it by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.attention_biases import layers_behind_values, with_value_biases_folded
from export.graphs.copies import copy_of
from export.quantize.activations import text_batches
from export.quantize.int8 import (
    CALIBRATION_BATCHES,
    Quantized,
    layers_to_quantize,
    never_in_eight_bits,
    values_of_inputs,
)
from export.quantize.linear_layers import LinearLayer, constant, constants_of
from export.quantize.mixed_precision import TuningSplit
from runtime.backends.base import Backend
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.bundle.store import Graph, Precision

OPSET, _IR = 19, 9
"""The first version of ONNX's operator set that stores fp8, and scales in fp16; and of the file format."""
SMALLEST = 2.0**-14
"""The smallest normal number of fp16, which scales are stored in."""
_FP8 = TensorProto.FLOAT8E4M3FN

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredInput:
    """How an activation goes to 8 bits: it is multiplied and shifted by channel, where that is given, and eight_bits.

    Attributes:
        step: of the stored numbers; a number of fp16.
        scale, shift: of each channel, numbers of fp16; empty: none. [channels]
        outlier_channels: channels that stay in fp16; their scale is 0.
    """

    step: np.float32
    scale: Array
    shift: Array
    outlier_channels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """A linear layer in 8 bits.

    Attributes:
        layer: of the fp32 graph.
        weights: as they are stored, int8 or E4M3. [inputs, outputs]
        step: of the stored weights, numbers of fp16; one, or one for each output. [] or [outputs]
        bias: with the mean of all errors made up for. [outputs]
    """

    layer: LinearLayer
    weights: NDArray[np.generic]
    step: Array
    bias: Array


Fit = Callable[[Array, Sequence[LinearLayer]], tuple[StoredInput, list[StoredLayer]]]
"""Quantizes an activation, given its values on text [slots, inputs], and the linear layers that read it."""


@dataclass(frozen=True, slots=True)
class EightBits:
    """All linear layers of a graph in 8 bits.

    Attributes:
        precision: "fp8" or "int8".
        inputs: by tensor.
        layers: by node.
        behind: the layer behind attention, by the layer that makes the values.
    """

    precision: Precision
    inputs: Mapping[str, StoredInput]
    layers: Mapping[str, StoredLayer]
    behind: Mapping[str, LinearLayer]


def eight_bits_from_graph(
    source: Path,
    fp16: Path,
    output: Path,
    graph: Graph,
    tuning_split: TuningSplit,
    fit: Fit,
    *,
    precision: Precision,
    threads: int,
    goal: float,
) -> Quantized:
    """Write the graph; layers stay in fp16 as long as more labels change than asked for.

    Args:
        source: the packed graph in fp32, whose activations it is fitted to.
        fp16: the same in fp16, which the graph in 8 bits is made of.
        output: the ONNX file to write.
        graph: what the manifest says of the source.
        tuning_split: training text.
        fit: see Fit.
        precision: "fp8" or "int8".
        threads: CPUs to use.
        goal: changed labels in 10,000, at most, on text that was not fitted to.
    """
    model = with_value_biases_folded(onnx.load(source))
    fitted = layers_to_quantize(model, source)
    longest, text = tuning_split.max_length, tuning_split.fitting
    batches = text_batches(tuning_split.encoder, text, max_length=longest, most=CALIBRATION_BATCHES)
    inputs, layers = {}, {}
    for name, values, together in values_of_inputs(model, fitted, batches, threads):
        inputs[name], stored = fit(values, together)
        layers.update({each.layer.name: each for each in stored})
    by_name = {layer.name: layer for layer in fitted}
    behind = {value: by_name[out] for value, out in layers_behind_values(model).items()}
    quantizer = _GpuQuantizer(onnx.load(fp16), EightBits(precision, inputs, layers, behind), output, threads)
    kept, changed = tuning_split.search(quantizer, fp16, {layer.name: layer.macs for layer in fitted}, goal=goal)
    onnx.checker.check_model(str(quantizer.write([each.name for each in kept])))
    made = replace(graph, file=output.name, precision=precision, opset=OPSET)
    return Quantized(made, (*never_in_eight_bits(model), *kept), changed)


def in_eight_bits(model: onnx.ModelProto, eight_bits: EightBits, kept: Collection[str] = ()) -> onnx.ModelProto:
    """A copy of the fp16 graph with its linear layers in 8 bits, but for some.

    Args:
        model: in fp16, as export.graphs.fp16 writes it.
        eight_bits: the layers.
        kept: names of those that stay in fp16.
    """
    changed = copy_of(model)
    graph = changed.graph
    nodes = {node.name: node for node in graph.node}
    chosen = {name: layer for name, layer in eight_bits.layers.items() if name not in kept}
    given: dict[str, str] = {}
    for name, made in chosen.items():
        node = nodes[name]
        tensor = node.input[0]
        if tensor not in given:
            given[tensor] = _through(graph, tensor, _shifted(eight_bits, made, chosen), eight_bits.precision)
        node.input[0], node.input[1] = given[tensor], _stored(graph, name, made, eight_bits.precision)
        for channel in eight_bits.inputs[made.layer.input].outlier_channels:
            _add_outlier(graph, node, tensor, channel, made.layer)
    for add, bias in _biases(chosen, eight_bits).items():
        if add in nodes:  # keys and values have none
            _set_bias(graph, nodes[add], bias)
    _raise_opset(changed)
    whole = OnnxModel(changed)
    whole.prune_graph()
    whole.topological_sort()
    return changed


@dataclass(frozen=True, slots=True)
class _GpuQuantizer:
    """The fp16 graph whose layers are quantized so, and ONNX Runtime; see export.quantize.mixed_precision.Quantizer."""

    model: onnx.ModelProto
    eight_bits: EightBits
    output: Path
    threads: int

    def write(self, kept: Collection[str]) -> Path:
        """See Quantizer."""
        onnx.save(in_eight_bits(self.model, self.eight_bits, kept), self.output)
        return self.output

    def open(self, path: Path, *, quantized: bool) -> Backend:
        """See Quantizer."""
        return OnnxRuntime(path, layout="packed", streams=self.threads, threads=1)


def _shifted(eight_bits: EightBits, made: StoredLayer, chosen: Mapping[str, StoredLayer]) -> StoredInput:
    """How a layer's input is stored; behind attention, the bias that the values lack is in the shift."""
    stored = eight_bits.inputs[made.layer.input]
    value = next((each for each, out in eight_bits.behind.items() if out.name == made.layer.name), "")
    if value not in chosen or not len(stored.scale):
        return stored
    return replace(stored, shift=stored.shift + chosen[value].bias * stored.scale)


def _biases(chosen: Mapping[str, StoredLayer], eight_bits: EightBits) -> dict[str, Array]:
    """The bias of each addition; a value's goes through the layer behind attention, as far as no shift has it."""
    biases = {made.layer.add: made.bias for made in chosen.values()}
    for value, out in eight_bits.behind.items():
        if value in chosen:
            left = chosen[value].bias.astype(np.float64)
            if out.name in chosen and len(scale := eight_bits.inputs[out.input].scale):
                left = np.where(scale > 0, 0, left)  # outlier channels do not come through the shift
            passed_on = left @ out.weights.astype(np.float64)
            biases[out.add] = (biases.get(out.add, out.bias) + passed_on).astype(np.float32)
    return biases


def _set_bias(graph: onnx.GraphProto, add: NodeProto, bias: Array) -> None:
    """Another bias for an addition, of the shape that the old one has: a query's is cut into heads."""
    constants = constants_of(graph)
    place = next(place for place, name in enumerate(add.input) if name in constants)
    old = numpy_helper.to_array(constants[add.input[place]])
    add.input[place] = constant(graph, f"{add.name}/quantized_bias", bias.reshape(old.shape).astype(old.dtype))


def _through(graph: onnx.GraphProto, tensor: str, stored: StoredInput, precision: Precision) -> str:
    """A tensor's name after it has come through 8 bits."""
    name = f"{tensor}/{precision}"
    scaled = tensor
    if len(stored.scale):
        scale = constant(graph, f"{name}/scale", stored.scale.astype(np.float16))
        shift = constant(graph, f"{name}/shift", stored.shift.astype(np.float16))
        graph.node.append(helper.make_node("Mul", [tensor, scale], [f"{name}/scaled"], f"{name}/Mul"))
        graph.node.append(helper.make_node("Add", [f"{name}/scaled", shift], [f"{name}/shifted"], f"{name}/Add"))
        scaled = f"{name}/shifted"
    step = constant(graph, f"{name}/step", np.asarray(stored.step, np.float16))
    zero = helper.make_tensor(f"{name}/zero", _FP8 if precision == "fp8" else TensorProto.INT8, [], [0])
    graph.initializer.append(zero)
    graph.node.append(helper.make_node("QuantizeLinear", [scaled, step, zero.name], [f"{name}/stored"], f"{name}/Q"))
    graph.node.append(helper.make_node("DequantizeLinear", [f"{name}/stored", step], [name], f"{name}/DQ"))
    return name


def _add_outlier(graph: onnx.GraphProto, node: NodeProto, tensor: str, channel: int, layer: LinearLayer) -> None:
    """Add what a channel contributes to the result of a matrix multiplication, which leaves it out."""
    name = f"{layer.name}/outlier/{channel}"
    cut = {"start": channel, "end": channel + 1, "axis": -1}
    bounds = [constant(graph, f"{name}/{what}", np.array([number], np.int64)) for what, number in cut.items()]
    weights = constant(graph, f"{name}/weights", layer.weights[channel].astype(np.float16))
    result = node.output[0]
    node.output[0] = f"{name}/others"
    graph.node.append(helper.make_node("Slice", [tensor, *bounds], [f"{name}/value"], f"{name}/Slice"))
    graph.node.append(helper.make_node("Mul", [f"{name}/value", weights], [f"{name}/part"], f"{name}/Mul"))
    graph.node.append(helper.make_node("Add", [f"{name}/others", f"{name}/part"], [result], f"{name}/Add"))


def _stored(graph: onnx.GraphProto, node: str, made: StoredLayer, precision: Precision) -> str:
    """The name of weights that lie in the file in 8 bits."""
    name = f"{node}/{precision}"
    stored = constant(graph, f"{name}/stored", made.weights)
    step = constant(graph, f"{name}/step", made.step.astype(np.float16))
    node = helper.make_node("DequantizeLinear", [stored, step], [name], f"{name}/DQ")
    if made.step.ndim:
        node.attribute.append(helper.make_attribute("axis", 1))  # a step for each output
    graph.node.append(node)
    return name


def _raise_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:], model.graph.value_info[:]
    model.opset_import.append(helper.make_opsetid("", OPSET))
    model.ir_version = max(model.ir_version, _IR)
