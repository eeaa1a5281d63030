"""fp16 graph of packed layout -> the same with its linear layers in int8, for GPUs.

The int8 graph that CPUs run (export.quantize.int8) would be an engine with fp32 between its linear layers and without
fused attention; this one has fp16 between them and all attention fused (docs/gpu.md). It is rounded as that one is,
channels centered and brought to like ranges, outlier channels apart; but scales, shifts and the weights of outlier
channels are numbers of fp16. How the graph is written, and what stays in fp16: export.quantize.gpu_eight_bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.quantize.gptq import gptq_weights, input_quantization
from export.quantize.gpu_eight_bits import SMALLEST, StoredInput, StoredLayer, eight_bits_from_graph
from export.quantize.int8 import Quantized
from export.quantize.linear_layers import InputQuantization, LinearLayer
from export.quantize.mixed_precision import GOAL, TuningSplit
from runtime.bundle.store import Graph

Array = NDArray[np.float32]


def gpu_int8_from_graph(
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
    """Write the int8 graph for GPUs. Arguments and errors are those of export.quantize.fp8.fp8_from_graph."""
    made = eight_bits_from_graph(
        source,
        fp16,
        output,
        graph,
        TuningSplit(tokenizer, sentences, max_length=max_length, labels=labels),
        fit_int8,
        precision="int8",
        threads=threads,
        goal=goal,
    )
    return replace(made, graph=replace(made.graph, made_for="tensorrt"))


def fit_int8(values: Array, together: Sequence[LinearLayer]) -> tuple[StoredInput, list[StoredLayer]]:
    """Linear layers that read one tensor, in int8; see export.quantize.gpu_eight_bits.Fit."""
    weights = np.concatenate([layer.weights for layer in together], axis=1)
    quantization = _in_fp16(input_quantization(values, weights))
    made = []
    for layer, each in zip(together, gptq_weights(values, quantization, together)):
        step = np.maximum(each.step, np.float32(SMALLEST))
        made.append(StoredLayer(layer, each.weights, step, each.bias))
    shift = -quantization.center * quantization.scale
    return StoredInput(np.float32(quantization.step), quantization.scale, shift, quantization.outlier_channels), made


def _in_fp16(given: InputQuantization) -> InputQuantization:
    """The same with scale, shift and step as fp16 holds them, so that weights are fitted to what is run."""
    scale = given.scale.astype(np.float16).astype(np.float32)
    shift = (-given.center * scale).astype(np.float16).astype(np.float32)
    step = float(np.float16(max(given.step, SMALLEST)))
    center = np.divide(-shift, scale, out=np.zeros_like(shift), where=scale > 0)  # an outlier channel has no scale
    return replace(given, center=center, scale=scale, step=step)
