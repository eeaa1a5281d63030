"""An estimate of an engine's speed on a GPU that was not measured. Every figure of it is an estimate.

    time of a kernel = LAUNCH + max(operations / (ATTAINED_MATRIX x peak), bytes / (ATTAINED_MEMORY x bandwidth))
    time of a run    = sum over its kernels

This is the roofline model (Williams, Waterman and Patterson 2009, "Roofline: an insightful visual performance model for
multicore architectures"), kernel by kernel. Kernels, and the shape and type of all that each reads and writes, are
those of the attested build; peaks are from data sheets (bench.gpu.engines.gpus). Operations are those of matrix
multiplications. The three constants are assumptions, chosen by judgment and not fitted: what is left out (clocks
under load, caches, kernels too small to fill a large GPU) can make a true figure half or twice the estimate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.gpu.engines.gpus import Gpu
from export.certify.attest.tensorrt_layers import Layer

MARK = "estimate, not measured"
"""Stands wherever a figure of this module is shown."""
LAUNCH = 2e-6
"""Seconds from one kernel to the next in a CUDA graph, empty kernels: an assumption."""
ATTAINED_MATRIX = 0.6
"""Share of the peak that good kernels reach on these shapes: an assumption. Over all of bert-large at batch 32 NVIDIA's
demoBERT on an A100 reaches about 0.6."""
ATTAINED_MEMORY = 0.8
"""Share of the memory's bandwidth that streaming kernels reach: an assumption."""


@dataclass(frozen=True, slots=True)
class Work:
    """A kernel's work: operations (two a MAC), the precision of what it multiplies, and bytes that it moves."""

    operations: int
    precision: str
    bytes: int


def work_of(kernel: Layer, length: int) -> Work:
    """The work of one kernel of a build whose sizes are fixed, for rows of that length.

    A matrix multiplication [.., rows, inputs] x [inputs, outputs] has rows x inputs x outputs MACs. Fused attention
    writes [rows, heads, length, size], and multiplies twice by that length.
    """
    moved = sum(tensor.bytes for tensor in (*kernel.inputs, *kernel.constants, *kernel.outputs))
    if not kernel.is_matrix:
        return Work(0, "fp32", _looked_up(kernel, moved))
    if "mha" in kernel.name:
        written = math.prod(kernel.outputs[0].shape)
        return Work(2 * 2 * written * length, kernel.precision, moved)
    weights = max(kernel.constants, key=lambda tensor: math.prod(tensor.shape))
    slots = math.prod(kernel.inputs[0].shape) // weights.shape[-2]
    return Work(2 * slots * math.prod(weights.shape), kernel.precision, moved)


def seconds_of(kernels: Sequence[Layer], length: int, gpu: Gpu) -> float:
    """Estimated seconds of a run of those kernels on a GPU, for rows of that length.

    Raises:
        KeyError: the GPU does not multiply in a precision that a kernel has.
    """
    return sum(_seconds(work_of(kernel, length), gpu) for kernel in kernels)


def can_run(kernels: Sequence[Layer], gpu: Gpu) -> bool:
    """Whether the GPU multiplies in all precisions of the kernels."""
    return all(kernel.precision in gpu.teraflops for kernel in kernels if kernel.is_matrix)


def _seconds(work: Work, gpu: Gpu) -> float:
    rate = ATTAINED_MATRIX * gpu.teraflops[work.precision] * 1e12 if work.operations else math.inf
    return LAUNCH + max(work.operations / rate, work.bytes / (ATTAINED_MEMORY * gpu.gigabytes_per_second * 1e9))


def _looked_up(kernel: Layer, moved: int) -> int:
    """Of an embedding table only the rows that are looked up are read: as many bytes as are written, for each table."""
    tables = [tensor.bytes for tensor in kernel.constants]
    written = sum(tensor.bytes for tensor in kernel.outputs)
    return moved - sum(max(0, size - written) for size in tables)
