"""fp32 graph of packed layout -> the same in int8: post-training quantization with accuracy control, from text alone.

Every linear layer goes to int8 as export.quantize.gptq makes it with the least harm, in the form that OpenVINO and
ONNX Runtime know (QuantizeLinear and DequantizeLinear). Half of the text it is fitted to is joined to windows of full
length: without them 55 labels in 10,000 changed in long windows, with them 11 (MiniLM, CoNLL-2003's train.txt). As long
as more labels change than the goal allows, layers are kept in higher precision; see export.quantize.mixed_precision.

What stays in floating point besides:

    embeddings          looked up and not multiplied: in int8 they gain nothing, and cost 3 changed labels in 10,000
    attention's own     some hundredths of the work, fused with the softmax between them; no faster in int8
    matrix products
    the classifier      a thousandth of the work, and it is where the labels are decided

It knows nothing of bundles or certificates; whether the result is good enough, export.certify says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import nn

from export.quantize.activations import text_batches, values_in_turn
from export.quantize.fitted_arrays import as_arrays, from_arrays
from export.quantize.gptq import LARGEST, gptq_weights, input_quantization, int8_result
from export.quantize.linear_layers import CLASSIFIER, InputQuantization, Int8Layer, LinearLayer, in_int8, linear_layers
from export.quantize.mixed_precision import GOAL, TuningSplit
from export.quantize.movement import movements
from export.quantize.sensitivity import Change, short_name
from runtime.backends.base import Backend
from runtime.backends.openvino_cpu import OpenVino
from runtime.batch.batches import NOTHING, Batch
from runtime.bundle.attestation import KeptLayer
from runtime.bundle.store import Graph
from runtime.errors import BackendError, BugError
from runtime.screen.display import note, stage
from runtime.system.cpu import SEVEN_BIT_LARGEST, has_bf16
from runtime.system.libraries import installed_version

# Batches of 512 tokens that the quantization is fitted to, from all over the text.
CALIBRATION_BATCHES = 64
# For so many of them one more is of the same text made strange, which only ranges are fitted to: weights lose on
# ordinary text what they would gain on the other. More of it widens ranges that ordinary text needs narrow.
_STRANGE_ONE_IN = 8
# Of a quick search, whose fitting then takes half as long.
_QUICK_BATCHES = 32
# Before a tensor's name, in the names of what is kept of unfinished work.
_FIT = "fit "


@dataclass(frozen=True, slots=True)
class Quantized:
    """A graph in 8 bits and how it came about.

    Attributes:
        graph: the file.
        kept: linear layers in higher precision, the classifier among them.
        changed: against the graph that it was made of, on the tuning split.
    """

    graph: Graph
    kept: tuple[KeptLayer, ...]
    changed: Change


def int8_from_graph(
    source: Path,
    output: Path,
    tuning: TuningSplit,
    *,
    quickly_by: nn.Module | None = None,
    vocabulary: int,
    threads: int,
    seven_bit: bool = False,
    goal: float = GOAL,
) -> Quantized:
    """Write the int8 graph.

    Args:
        source: a graph of packed layout, fp32.
        output: the ONNX file to write.
        tuning: training text, to fit the quantization to and to count changed labels on.
        quickly_by: what the source was made of, see export.graphs.packed.packed_encoder, to search quickly; without it
            the search is thorough. See export.quantize.mixed_precision.
        vocabulary: as the manifest has it.
        threads: CPUs to use.
        seven_bit: hold weights to 7 bits, and compute in fp32 between layers, so that every CPU answers alike; see
            runtime.system.cpu. On a CPU that does not add up 8 bits exactly, nothing else can be measured.
        goal: changed labels in 10,000, at most, on the tuning split.

    Raises:
        BackendError: OpenVINO, which runs int8, is not installed, or cannot load the graph.
    """
    _check_openvino()
    model, max_length, most = onnx.load(source), tuning.max_length, SEVEN_BIT_LARGEST if seven_bit else LARGEST
    # Only this is held: a large model's weights are a gigabyte.
    work = {layer.name: layer.macs for layer in layers_to_quantize(model, source)}
    batches = CALIBRATION_BATCHES if quickly_by is None else _QUICK_BATCHES
    # Fitted once for all layers: which of them are kept changes nothing about the others.
    fitted = _fitted(model, source, tuning, threads, most, batches)
    quantizer = _Int8(model, *fitted, output, (vocabulary, max_length), threads, has_bf16() and not seven_bit)
    if quickly_by is None:
        kept, changed = tuning.search(quantizer, source, work, goal=goal)
    else:
        layers = layers_to_quantize(model, source)
        ranking = partial(movements, quickly_by, layers, quantizer.result, threads=threads)
        kept, changed = tuning.quick_search(quantizer, source, work, ranking, goal=goal)
    # The file holds what the search tried last, which need not be what it chose.
    quantizer.write([each.name for each in kept])
    inputs = tuple(node.name for node in model.graph.input)
    graph = Graph(output.name, "int8", "packed", model.opset_import[0].version, inputs, seven_bit=seven_bit)
    return Quantized(graph, (*never_in_eight_bits(model), *kept), changed)


def _check_openvino() -> None:
    if not installed_version("openvino"):
        problem = "the library 'openvino' is not installed, and int8 is measured with it"
        raise BackendError("int8", problem, "pip install 'nerve-ner[openvino]'")


def layers_to_quantize(model: onnx.ModelProto, source: Path) -> list[LinearLayer]:
    """All linear layers of a graph but the classifier."""
    found = [layer for layer in linear_layers(model) if CLASSIFIER not in layer.name]
    if not found:
        raise BugError(f"no linear layer in {source}")
    return found


def never_in_eight_bits(model: onnx.ModelProto) -> tuple[KeptLayer, ...]:
    """Linear layers of a graph that are not even tried."""
    reason = "the classifier decides the label, and is next to no work"
    return tuple(KeptLayer(each.name, reason, each.macs) for each in linear_layers(model) if CLASSIFIER in each.name)


def values_of_inputs(
    model: onnx.ModelProto, layers: Sequence[LinearLayer], batches: Sequence[Batch], threads: int
) -> Iterator[tuple[str, NDArray[np.float32], list[LinearLayer]]]:
    """Each tensor that the layers read, its values on text, [slots, inputs], and the layers that read it."""
    readers = readers_of(layers)
    with stage("fit", total=len(readers)) as fitting:
        turns = values_in_turn(model, list(readers), batches, threads=threads)
        for name, together in readers.items():
            fitting.step(short_name(together[0].name))
            yield name, next(turns), together
        tokens = sum(int(np.count_nonzero(batch.segment_ids != NOTHING)) for batch in batches)
        fitting.remark = f"{len(layers)} linear layers in 8 bits, fitted to {tokens:,} tokens of training text"


def readers_of(layers: Sequence[LinearLayer]) -> dict[str, list[LinearLayer]]:
    """The layers that read each tensor."""
    readers: dict[str, list[LinearLayer]] = {}
    for layer in layers:
        readers.setdefault(layer.input, []).append(layer)
    return readers


@dataclass(frozen=True, slots=True)
class _Int8:
    """The quantizer of a graph in fp32, see export.quantize.mixed_precision.Quantizer; OpenVINO runs what it writes."""

    model: onnx.ModelProto
    inputs: Mapping[str, InputQuantization]
    layers: Mapping[str, Int8Layer]
    output: Path
    tables: tuple[int, int]
    threads: int
    rest_in_bf16: bool

    def write(self, kept: Collection[str]) -> Path:
        """See Quantizer."""
        quantized = {name: layer for name, layer in self.layers.items() if name not in kept}
        onnx.save(in_int8(self.model, self.inputs, quantized), self.output)
        return self.output

    def result(self, layer: LinearLayer, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the layer in int8 gives for its input. [slots, inputs] -> [slots, outputs]"""
        return int8_result(values, self.inputs[layer.input], layer, self.layers[layer.name])

    def open(self, path: Path, *, quantized: bool) -> Backend:
        """See Quantizer."""
        vocabulary, positions = self.tables
        return OpenVino(
            path,
            precision="int8" if quantized else "fp32",
            layout="packed",
            streams=self.threads,
            threads=self.threads,
            vocabulary=vocabulary,
            positions=positions,
            cache="",  # each graph is opened once, so nothing would be read from a cache
            rest_in_bf16=self.rest_in_bf16,
        )


def _fitted(
    model: onnx.ModelProto, source: Path, tuning: TuningSplit, threads: int, most: int, most_batches: int
) -> tuple[dict[str, InputQuantization], dict[str, Int8Layer]]:
    """How to quantize each tensor, and each layer in int8, by name; what an export before had fitted, it did for us."""
    readers = readers_of(layers_to_quantize(model, source))
    kept = tuning.unfinished
    left = [layer for name, together in readers.items() if not kept.has(_FIT + name) for layer in together]
    if done := len(readers) - len({layer.input for layer in left}):
        note(f"int8: goes on where an export before this one was stopped: {done} of {len(readers)} inputs are fitted")
    longest = tuning.max_length
    ordinary = text_batches(tuning.encoder, tuning.fitting, max_length=longest, most=most_batches)
    strange = text_batches(tuning.encoder, tuning.strange, max_length=longest, most=most_batches // _STRANGE_ONE_IN)
    slots = sum(int(np.count_nonzero(batch.segment_ids != NOTHING)) for batch in ordinary)
    inputs: dict[str, InputQuantization] = {}
    made: dict[str, Int8Layer] = {}
    for name, values, together in values_of_inputs(model, left, [*ordinary, *strange], threads):
        inputs[name] = input_quantization(values, np.concatenate([one.weights for one in together], axis=1), most=most)
        stored = gptq_weights(values[:slots], inputs[name], together, most=most)
        int8 = {layer.name: each for layer, each in zip(together, stored)}
        kept.keep(_FIT + name, as_arrays(inputs[name], int8))
        made |= int8
    for name in readers.keys() - inputs.keys():
        inputs[name], int8 = from_arrays(kept.load(_FIT + name))
        made |= int8
    return inputs, made
