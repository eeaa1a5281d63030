"""fp16 graph of packed layout -> the same with its linear layers in fp8 (E4M3), for GPUs that multiply in it.

Each tensor has one scale, by which its largest value on text becomes 448, the end of E4M3; larger ones are cut to it.
Channels need no scales of their own, as in int8, for the error of a floating-point number goes with its size. Weights
are rounded so that they make up for each other's errors, and the bias for the mean (export.quantize.gptq); then
layers stay in fp16 until few enough labels change (export.quantize.mixed_precision). How the graph is written, and
what stays in fp16 anyway: export.quantize.gpu_eight_bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.quantize.gptq import gptq
from export.quantize.gpu_eight_bits import SMALLEST, StoredInput, StoredLayer, eight_bits_from_graph
from export.quantize.int8 import Quantized
from export.quantize.linear_layers import LinearLayer
from export.quantize.mixed_precision import GOAL, TuningSplit
from runtime.bundle.store import Graph

LARGEST = 448.0
"""The largest number in E4M3 (Micikevicius et al. 2022, "FP8 formats for deep learning")."""
# Activations are rounded in parts, for each number takes 8 bytes meanwhile.
_PARTS = 16
_STORED = helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN)

Array = NDArray[np.float32]


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
        goal: changed labels in 10,000, at most, on text that was not fitted to.

    Raises:
        CorpusError: not enough text.
    """
    return eight_bits_from_graph(
        source,
        fp16,
        output,
        graph,
        TuningSplit(tokenizer, sentences, max_length=max_length, labels=labels),
        fit_fp8,
        precision="fp8",
        threads=threads,
        goal=goal,
    )


def nearest(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """The nearest numbers of E4M3; beyond its end, the end."""
    cut = np.clip(values, -LARGEST, LARGEST)
    stored: NDArray[np.float64] = cut.astype(_STORED).astype(np.float64)
    return stored


def fit_fp8(values: Array, together: Sequence[LinearLayer]) -> tuple[StoredInput, list[StoredLayer]]:
    """Linear layers that read one tensor, in fp8; see export.quantize.gpu_eight_bits.Fit."""
    reads = _step_of(values)
    seen = np.concatenate([_seen(part, reads) for part in np.array_split(values, _PARTS)])
    mean, mean_seen = values.mean(axis=0, dtype=np.float64), seen.mean(axis=0, dtype=np.float64)
    seen -= mean_seen.astype(np.float32)  # the mean is the bias's matter
    hessian = (seen.T @ seen).astype(np.float64) / len(seen)
    weights = np.concatenate([layer.weights for layer in together], axis=1).astype(np.float64)
    steps = [_step_of(layer.weights) for layer in together]
    sizes = [layer.weights.shape[1] for layer in together]
    step = np.repeat(steps, sizes)
    stored = gptq(weights, hessian, step, nearest)
    shift = mean @ weights - mean_seen @ (stored * step)
    ends = np.cumsum(sizes).tolist()
    made = []
    for layer, own, start, end in zip(together, steps, [0, *ends], ends):
        bias = (layer.bias + shift[start:end]).astype(np.float32)
        made.append(StoredLayer(layer, stored[:, start:end].astype(_STORED), np.asarray(own), bias))
    nothing = np.empty(0, np.float32)
    return StoredInput(reads, nothing, nothing), made


def _seen(values: Array, step: np.float32) -> Array:
    """What becomes of values in fp8."""
    return (nearest(values / step) * step).astype(np.float32)


def _step_of(values: Array) -> np.float32:
    """The step by which the largest of some values becomes the end of fp8, or little less; a number of fp16."""
    step = np.float16(max(float(np.abs(values).max(initial=0)) / LARGEST, SMALLEST))
    return np.float32(np.nextafter(step, np.float16(np.inf)))  # up, for what is beyond the end is cut
