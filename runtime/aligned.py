"""Answers that are the same to the last bit in any company: windows begin at columns that a CPU's vector units like.

Which other windows share a row or a batch changes the order in which a library adds, and so the last bits of a logit:
scores differ by some 1e-6, labels in practice never. With aligned windows they do not differ. It costs the empty token
slots in between: short sentences take 7% more of them with steps of 4, 15% more with steps of 8. It knows nothing of
windows or of libraries.

A self-check asks rows of one length, which are made the same way: by another Packing than the backend's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.alignment import row_align
from runtime.batch.batches import Batch, Packing
from runtime.bundle.certificate import Candidate
from runtime.errors import UsageError

_EIGHT_BIT, _ONNXRUNTIME, _FLOAT = 4, 8, 16


def align_of(candidate: Candidate) -> int:
    """Columns that windows begin at, so that logits are the same to the last bit in any company; see Packing.align.

    Found by comparing texts alone and in batches of many sizes: fp32 on ONNX Runtime is equal bit for bit with 8
    columns, fp32 on OpenVINO with 16. int8 on OpenVINO is with 4, as many as an 8-bit product adds up at once: none of
    3,222 answers about 1,611 texts differed, long ones among them; with 1 column 49 of 646 did. On a GPU, where lengths
    are fixed, it is not tried.
    """
    if candidate.backend == "onnxruntime":
        return _ONNXRUNTIME
    return _EIGHT_BIT if candidate.precision == "int8" else _FLOAT


def aligned(backend: Backend, candidate: Candidate, *, longest: int) -> Backend:
    """The backend with aligned windows.

    Args:
        backend: an open one. It is closed where it cannot be aligned.
        candidate: what it runs.
        longest: largest number of tokens of a window.

    Raises:
        UsageError: it runs on a GPU, or the longest window would not be a multiple.
    """
    align = align_of(candidate)
    # A padded row longer than the model's positions would be refused, or read out of bounds.
    if candidate.device == "cpu" and (backend.layout == "packed" or longest % row_align(align) == 0):
        return Repacked(backend, replace(backend.packing, align=align))
    backend.close()
    raise UsageError("reproducible", f"{candidate} has no windows that can be aligned", "choose a packed graph, on cpu")


def single_rows(backend: Backend, length: int, *, longest: int) -> Backend:
    """The backend with batches of one row of that length each; a window that is longer gets a longer row.

    Args:
        backend: an open one.
        length: of the rows.
        longest: largest number of tokens of a window.
    """
    one = replace(backend.packing, shortest=length, slots=length, padded_rows=1, lengths=(length, longest))
    return Repacked(backend, one)


class Repacked:
    """A Backend around another one, which gets batches of other sizes.

    Args:
        backend: the other one.
        packing: see Backend.
    """

    def __init__(self, backend: Backend, packing: Packing) -> None:
        self._backend, self.packing = backend, packing
        self.layout, self.streams, self.device = backend.layout, backend.streams, backend.device
        self.version = backend.version

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        return self._backend.logits(batch)

    def close(self) -> None:
        """See Backend."""
        self._backend.close()
