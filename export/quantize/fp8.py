"""fp16 graph of packed layout -> the same with its products in fp8 (E4M3), for GPUs that multiply in it.

Products with constant weights read both their factors through QuantizeLinear and DequantizeLinear, the form that
TensorRT knows as explicit quantisation. Each tensor has one scale, by which its largest value on text becomes 448, the
end of E4M3; larger ones are cut to it. Channels need no scales of their own, as in int8, for the error of a
floating-point number goes with its size. Weights are rounded so that they make up for each other's errors, and the bias
for the mean (export.quantize.gptq); then products are left in fp16 until few enough tags change (export.quantize.mixed_precision). The
classifier, attention and all else stay as they are in the fp16 graph.

On a CPU, ONNX Runtime runs it by widening what it reads: as slow as it is exact, to certify it by.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.copies import copy_of
from export.quantize.activations import text_batches
from export.quantize.gptq import gptq
from export.quantize.int8 import (
    CALIBRATION_BATCHES,
    Quantized,
    layers_to_quantize,
    never_in_eight_bits,
    values_of_inputs,
)
from export.quantize.linear_layers import LinearLayer, constant
from export.quantize.mixed_precision import GOAL, TuningSplit
from runtime.backends.base import Backend
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import Batch
from runtime.bundle.store import Graph

LARGEST = 448.0
"""The largest number in E4M3 (Micikevicius et al. 2022, "FP8 formats for deep learning")."""
# The first version of ONNX's operator set that quantises to fp8, and of the file format that holds it.
OPSET, _IR = 19, 9
# The smallest normal number of fp16, which scales are stored in.
_SMALLEST = 2.0**-14
# Activations are rounded in parts, for each number takes 8 bytes meanwhile.
_PARTS = 16
_KIND = TensorProto.FLOAT8E4M3FN

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fp8Layer:
    """A product in fp8.

    Attributes:
        layer: of the fp32 graph.
        reads, scale: scales of its input and of its weights, numbers of fp16.
        weights: numbers of E4M3. [inputs, outputs]
        bias: with the mean of all rounding made up for. [outputs]
    """

    layer: LinearLayer
    reads: np.float32
    scale: np.float32
    weights: Array
    bias: Array


def fp8_from_graph(
    source: Path,
    fp16: Path,
    output: Path,
    graph: Graph,
    tokenizer: Path,
    sentences: Sequence[Sequence[str]],
    *,
    max_length: int,
    labels: int,
    threads: int,
    goal: float = GOAL,
) -> Quantized:
    """Write the fp8 graph.

    Args:
        source: the packed graph in fp32, whose activations it is fitted to.
        fp16: the same in fp16, which the fp8 graph is made of.
        output: the ONNX file to write.
        graph: what the manifest says of the source.
        tokenizer: the checkpoint's tokenizer.json.
        sentences: words of training text, in order. Every fifth fits the rounding, the others count changed labels.
        max_length, labels: as the manifest has them.
        threads: CPUs to use.
        goal: changed labels in 10,000, at most, on held-out text.

    Raises:
        CorpusError: not enough text.
    """
    tuning_split, model = TuningSplit(tokenizer, sentences, max_length=max_length, labels=labels), onnx.load(source)
    fitted = layers_to_quantize(model, source)
    batches = text_batches(tuning_split.encoder, tuning_split.fitting, max_length=max_length, most=CALIBRATION_BATCHES)
    rounding = _Fp8(onnx.load(fp16), _fit(model, fitted, batches, threads), output, threads)
    work = {layer.name: layer.macs for layer in fitted}
    kept, changed = tuning_split.search(rounding, fp16, work, goal=goal)
    onnx.checker.check_model(str(rounding.write([each.name for each in kept])))
    made = replace(graph, file=output.name, precision="fp8", opset=OPSET)
    return Quantized(made, (*never_in_eight_bits(model), *kept), changed)


def nearest(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The nearest numbers of E4M3; beyond its end, the end."""
    cut = np.clip(values, -LARGEST, LARGEST)
    stored: NDArray[np.float64] = cut.astype(helper.tensor_dtype_to_np_dtype(_KIND)).astype(np.float64)
    return stored


@dataclass(frozen=True, slots=True)
class _Fp8:
    """The fp16 graph whose products are rounded so, and ONNX Runtime; see export.quantize.mixed_precision.Quantizer."""

    model: onnx.ModelProto
    chosen: Mapping[str, Fp8Layer]
    output: Path
    threads: int

    def write(self, kept: Collection[str]) -> Path:
        """See Quantizer."""
        quantized = {name: layer for name, layer in self.chosen.items() if name not in kept}
        onnx.save(in_fp8(self.model, quantized), self.output)
        return self.output

    def open(self, path: Path, *, quantized: bool) -> Backend:
        """See Quantizer."""
        return OnnxRuntime(path, layout="packed", streams=self.threads, threads=1)


def in_fp8(model: onnx.ModelProto, chosen: Mapping[str, Fp8Layer]) -> onnx.ModelProto:
    """A copy of the fp16 graph with those products in fp8."""
    changed = copy_of(model)
    graph = changed.graph
    nodes, given = {node.name: node for node in graph.node}, dict[str, str]()
    for name, made in chosen.items():
        node, add = nodes[name], nodes[made.layer.add]
        tensor = node.input[0]
        if tensor not in given:
            given[tensor] = _through(graph, tensor, made.reads)
        node.input[0], node.input[1] = given[tensor], _stored(graph, name, made)
        add.input[made.layer.place] = constant(graph, f"{name}/fp8/bias", made.bias.astype(np.float16))
    del changed.opset_import[:], graph.value_info[:]
    changed.opset_import.append(helper.make_opsetid("", OPSET))
    changed.ir_version = max(changed.ir_version, _IR)
    whole = OnnxModel(changed)
    whole.prune_graph()
    whole.topological_sort()
    return changed


def _fit(
    model: onnx.ModelProto, fitted: Sequence[LinearLayer], batches: Sequence[Batch], threads: int
) -> dict[str, Fp8Layer]:
    """Each product in fp8, by name."""
    given = values_of_inputs(model, fitted, batches, threads)
    return {made.layer.name: made for _, values, together in given for made in _gptq_weights(values, together)}


def _gptq_weights(values: Array, together: Sequence[LinearLayer]) -> list[Fp8Layer]:
    """Products of one tensor in fp8. values: of the tensor, on text. [slots, inputs]"""
    reads = _scale_of(values)
    seen = np.concatenate([_seen(part, reads) for part in np.array_split(values, _PARTS)])
    mean, mean_seen = values.mean(axis=0, dtype=np.float64), seen.mean(axis=0, dtype=np.float64)
    seen -= mean_seen.astype(np.float32)  # the mean is the bias's matter
    hessian = (seen.T @ seen).astype(np.float64) / len(seen)
    scales = [_scale_of(layer.weights) for layer in together]
    sizes = [layer.weights.shape[1] for layer in together]
    weights = np.concatenate([layer.weights for layer in together], axis=1).astype(np.float64)
    step = np.repeat(scales, sizes)
    stored = gptq(weights, hessian, step, nearest)
    shift = mean @ weights - mean_seen @ (stored * step)
    made, end = [], 0
    for layer, scale, size in zip(together, scales, sizes):
        part = slice(end, end := end + size)
        bias = (layer.bias + shift[part]).astype(np.float32)
        made.append(Fp8Layer(layer, reads, scale, stored[:, part].astype(np.float32), bias))
    return made


def _seen(values: Array, scale: np.float32) -> Array:
    """What becomes of values in fp8."""
    return (nearest(values / scale) * scale).astype(np.float32)


def _scale_of(values: Array) -> np.float32:
    """The scale by which the largest of some values becomes the end of fp8, or little less; a number of fp16."""
    scale = np.float16(max(float(np.abs(values).max(initial=0)) / LARGEST, _SMALLEST))
    return np.float32(np.nextafter(scale, np.float16(np.inf)))  # up, for what is beyond the end is cut


def _through(graph: onnx.GraphProto, tensor: str, reads: np.float32) -> str:
    """A tensor's name after it has come through fp8."""
    scale = constant(graph, f"{tensor}/fp8/scale", np.asarray(reads, np.float16))
    zero = helper.make_tensor(f"{tensor}/fp8/zero", _KIND, [], [0.0])
    graph.initializer.append(zero)
    stored, given = f"{tensor}/fp8/stored", f"{tensor}/fp8"
    graph.node.append(helper.make_node("QuantizeLinear", [tensor, scale, zero.name], [stored], f"{tensor}/fp8/Q"))
    graph.node.append(_dequantised(stored, scale, given))
    return given


def _stored(graph: onnx.GraphProto, name: str, made: Fp8Layer) -> str:
    """The name of weights that lie in the file in fp8."""
    seven_bit = made.weights.astype(helper.tensor_dtype_to_np_dtype(_KIND))
    stored = constant(graph, f"{name}/fp8/stored", seven_bit)
    scale = constant(graph, f"{name}/fp8/scale", np.asarray(made.scale, np.float16))
    graph.node.append(_dequantised(stored, scale, f"{name}/fp8"))
    return f"{name}/fp8"


def _dequantised(stored: str, scale: str, given: str) -> NodeProto:
    return helper.make_node("DequantizeLinear", [stored, scale], [given], f"{given}/DQ")
