"""What a candidate's certificate asks of the processor, by what the file holds and what this processor did with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from runtime.bundle import Bundle, Candidate
from runtime.processor import NARROW, Ability, abilities

_STORED = frozenset({TensorProto.INT8, TensorProto.UINT8})


def needs_of(bundle: Bundle, candidate: Candidate) -> tuple[Ability, ...]:
    """The abilities of this processor that the candidate's answers come from; only int8 on a CPU has any.

    Floating point differs from processor to processor by the order of sums alone, which every gate has room for.
    """
    if candidate.precision != "int8" or candidate.device != "cpu":
        return ()
    sums: set[Ability] = set() if largest_weight(bundle.file(candidate.file)) <= NARROW else {"vnni", "no vnni"}
    return tuple(sorted(abilities() & (sums | {"bf16"}), reverse=True))


def largest_weight(path: Path) -> int:
    """The largest number among a graph's int8 weights, their zero points taken off; 0 where it has none."""
    largest = 0
    for tensor in onnx.load(path).graph.initializer:
        if tensor.data_type in _STORED and len(tensor.dims) > 1:
            values = numpy_helper.to_array(tensor).astype(np.int16)
            values -= 128 if tensor.data_type == TensorProto.UINT8 else 0
            largest = max(largest, int(np.abs(values).max(initial=0)))
    return largest
