"""fp32 graph of packed layout -> the same in int8, by text alone: post-training quantisation with accuracy control.

Every product with constant weights goes to int8, in the form that OpenVINO and TensorRT know (QuantizeLinear and
DequantizeLinear), as export.quantize.gptq makes it with the least harm. Half of the text that it is fitted to is joined to
windows of full length: without them 55 labels in 10,000 changed in long windows where 11 do with them (MiniLM,
CoNLL-2003's train.txt). Then products are left out of int8 again, as long as more tags change than asked for; see
export.quantize.mixed_precision.

What stays in floating point besides:

    embeddings          looked up and not multiplied: in int8 they gain nothing, and cost 3 changed labels in 10,000
    attention products  some hundredths of the work, fused with the softmax between them; no faster in int8
    the classifier      a thousandth of the work, and it is where the tags are decided

It knows nothing of bundles or certificates; the gate is export.certify's matter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from export.quantize.activations import sampled, text_batches
from export.quantize.gptq import LARGEST, gptq_weights, rounding_of
from export.quantize.linear_layers import CLASSIFIER, Int8Layer, LinearLayer, Rounded, in_int8, linear_layers
from export.quantize.mixed_precision import GOAL, TuningSplit
from export.quantize.sensitivity import Change
from runtime.backends.base import Backend
from runtime.backends.openvino_cpu import OpenVino
from runtime.batch.batches import ON_CPU, Batch
from runtime.bundle.attestation import KeptLayer
from runtime.bundle.store import Graph
from runtime.errors import BackendError, BugError
from runtime.system.cpu import SEVEN_BIT_LARGEST, has_bf16
from runtime.system.libraries import installed_version

# Batches of 512 tokens that the rounding is fitted to, from all over the text.
CALIBRATION_BATCHES = 64
# Bytes of activations in memory at once; a large model's layers are fitted in turns.
_MEMORY = 1 << 30


@dataclass(frozen=True, slots=True)
class Quantized:
    """A graph in 8 bits and how it came about.

    Attributes:
        graph: the file.
        kept: products in higher precision, the classifier among them.
        changed: against the graph that it was made of, on held-out text.
    """

    graph: Graph
    kept: tuple[KeptLayer, ...]
    changed: Change


def int8_from_graph(
    source: Path,
    output: Path,
    tokenizer: Path,
    sentences: Sequence[Sequence[str]],
    *,
    max_length: int,
    vocabulary: int,
    labels: int,
    threads: int,
    seven_bit: bool = False,
    goal: float = GOAL,
) -> Quantized:
    """Write the int8 graph.

    Args:
        source: a graph of packed layout, fp32.
        output: the ONNX file to write.
        tokenizer: the checkpoint's tokenizer.json.
        sentences: words of training text, in order. Every fifth fits the rounding, the others count changed labels.
        max_length, vocabulary, labels: as the manifest has them.
        threads: CPUs to use.
        seven_bit: hold weights to 7 bits, and compute in fp32 between products, so that every CPU answers alike;
            see runtime.system.cpu. Nothing else can be measured on one that does not add up 8 bits exactly.
        goal: changed labels in 10,000, at most, on held-out text.

    Raises:
        BackendError: OpenVINO, which runs int8, is not installed, or cannot load the graph.
        CorpusError: not enough text.
    """
    if not installed_version("openvino"):
        problem = "the library 'openvino' is not installed, and int8 is measured with it"
        raise BackendError("int8", problem, "pip install 'nerve-ner[openvino]'")
    tuning_split, model = TuningSplit(tokenizer, sentences, max_length=max_length, labels=labels), onnx.load(source)
    fitted = layers_to_quantize(model, source)
    batches = text_batches(tuning_split.encoder, tuning_split.fitting, max_length=max_length, most=CALIBRATION_BATCHES)
    most = SEVEN_BIT_LARGEST if seven_bit else LARGEST
    made = _fit(model, fitted, batches, threads, most)
    rounding = _Int8(model, *made, output, (vocabulary, max_length), threads, has_bf16() and not seven_bit)
    work = {layer.name: layer.macs for layer in fitted}
    kept, changed = tuning_split.search(rounding, source, work, goal=goal)
    rounding.write([each.name for each in kept])
    inputs = tuple(node.name for node in model.graph.input)
    graph = Graph(output.name, "int8", "packed", model.opset_import[0].version, inputs, seven_bit=seven_bit)
    return Quantized(graph, (*never_in_eight_bits(model), *kept), changed)


def layers_to_quantize(model: onnx.ModelProto, source: Path) -> list[LinearLayer]:
    """All products of a graph but the classifier's."""
    found = [layer for layer in linear_layers(model) if CLASSIFIER not in layer.name]
    if not found:
        raise BugError(f"no matrix product in {source}")
    return found


def never_in_eight_bits(model: onnx.ModelProto) -> tuple[KeptLayer, ...]:
    """Products of a graph that are not even tried."""
    reason = "the classifier decides the tag, and is next to no work"
    return tuple(KeptLayer(each.name, reason, each.macs) for each in linear_layers(model) if CLASSIFIER in each.name)


def values_of_inputs(
    model: onnx.ModelProto, fitted: Sequence[LinearLayer], batches: Sequence[Batch], threads: int
) -> Iterator[tuple[str, NDArray[np.float32], list[LinearLayer]]]:
    """Each tensor that products take, its values on text, [slots, inputs], and those products."""
    together: dict[str, list[LinearLayer]] = {}
    for layer in fitted:
        together.setdefault(layer.input, []).append(layer)
    for names in _turns(together):
        for name, values in sampled(model, names, batches, threads=threads).items():
            yield name, values, together[name]


def _turns(together: Mapping[str, Sequence[LinearLayer]]) -> list[list[str]]:
    """Tensors in groups whose values on CALIBRATION_BATCHES fit into memory."""
    groups: list[list[str]] = [[]]
    size = 0
    for name, members in together.items():
        bytes_of = 4 * CALIBRATION_BATCHES * ON_CPU.slots * members[0].weights.shape[0]
        if groups[-1] and size + bytes_of > _MEMORY:
            groups.append([])
            size = 0
        groups[-1].append(name)
        size += bytes_of
    return groups


@dataclass(frozen=True, slots=True)
class _Int8:
    """A graph whose products are rounded so, and OpenVINO; see export.quantize.mixed_precision.Rounding."""

    model: onnx.ModelProto
    rounded: Mapping[str, Rounded]
    chosen: Mapping[str, Int8Layer]
    output: Path
    tables: tuple[int, int]
    threads: int
    rest_in_bf16: bool

    def write(self, kept: Collection[str]) -> Path:
        """See Rounding."""
        quantized = {name: layer for name, layer in self.chosen.items() if name not in kept}
        onnx.save(in_int8(self.model, self.rounded, quantized), self.output)
        return self.output

    def open(self, path: Path, *, rounded: bool) -> Backend:
        """See Rounding."""
        vocabulary, positions = self.tables
        return OpenVino(
            path,
            precision="int8" if rounded else "fp32",
            layout="packed",
            streams=self.threads,
            threads=self.threads,
            vocabulary=vocabulary,
            positions=positions,
            cache="",
            rest_in_bf16=self.rest_in_bf16,
        )


def _fit(
    model: onnx.ModelProto, fitted: Sequence[LinearLayer], batches: Sequence[Batch], threads: int, most: int
) -> tuple[dict[str, Rounded], dict[str, Int8Layer]]:
    """How to round each tensor, and each product in int8, by name."""
    rounded: dict[str, Rounded] = {}
    chosen: dict[str, Int8Layer] = {}
    for name, values, together in values_of_inputs(model, fitted, batches, threads):
        weights = np.concatenate([layer.weights for layer in together], axis=1)
        rounded[name] = rounding_of(values, weights, most=most)
        made = gptq_weights(values, rounded[name], together, most=most)
        chosen |= {layer.name: each for layer, each in zip(together, made)}
    return rounded, chosen
