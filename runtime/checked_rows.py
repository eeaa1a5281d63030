"""A backend that checks itself in single rows of a length before its first answer in such a row.

A graph that is compiled for one length is another graph than the one for any. To ask all of them when a model is opened
took 45 to 80 ms of CPU time, where most processes use two or three. It knows nothing of certificates.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from runtime.aligned import Repacked
from runtime.backends.base import Backend
from runtime.batch.batches import Batch, with_rows

ANY_ROWS = 0
"""In place of a length: all other batches."""


class CheckedRows:
    """A Backend around another one; see the module.

    Args:
        backend: the other one.
        lengths: of the single rows that it may have graphs of their own for, rising.
        check: is called with such a length before its first answer, or with ANY_ROWS before that to any other batch,
            and raises where the backend answers otherwise than it should; then it is asked again before the next one.
    """

    def __init__(self, backend: Backend, lengths: Sequence[int], check: Callable[[int], None]) -> None:
        self._backend, self._lengths, self._check = backend, tuple(lengths), check
        self._unchecked = {ANY_ROWS, *lengths}
        self._lock = threading.Lock()
        self.layout, self.streams, self.device = backend.layout, backend.streams, backend.device
        self.version, self.packing = backend.version, backend.packing

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend.

        Raises:
            UncertifiedError: it fails the check.
        """
        if self._unchecked:
            self._check_rows(*batch.input_ids.shape)
        return self._backend.logits(batch)

    def close(self) -> None:
        """See Backend."""
        self._backend.close()

    def _check_rows(self, rows: int, length: int) -> None:
        fits = rows == 1 and length <= self._lengths[-1]
        kind = self._lengths[bisect.bisect_left(self._lengths, length)] if fits else ANY_ROWS
        if kind not in self._unchecked:
            return
        with self._lock:  # others that bring such a batch meanwhile wait, and find it checked
            if kind in self._unchecked:
                self._check(kind)
                self._unchecked.discard(kind)


class TwoRows(Repacked):
    """The backend with batches of two rows at least; of a single row there is a copy, whose answers are dropped."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, backend.packing)

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        return super().logits(with_rows(batch, 2))[: len(batch.input_ids)]
