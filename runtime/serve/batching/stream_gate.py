"""A backend that several batches share: small ones go first, windows are aligned, and what is no number is refused.

SharedBackend    the backend that the readers are given; its owner says on each thread what kind of batch comes
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.batches import Batch, Packing
from runtime.bundle.store import Device, Layout
from runtime.errors import BackendError

# Tokens are estimated from characters; two of three batches of 44 sentences of news come within 5% of the estimate.
_SPARE = 0.125


class NobodyWaitsError(Exception):
    """Nobody waits any more for what is left of a thread's batches."""


def _always() -> bool:
    return True


class SharedBackend:
    """See the module; and Backend, which it is.

    Args:
        backend: runs the batches.
        align: see Packing.align.

    Attributes:
        streams: 1: whoever runs batches does so one after another, since others run theirs at the same time.
        concurrent: how many run at once.
        full: token slots of a full batch.
        gathered: full batches to which small calls are worth gathering. On two busy CPUs a request took 5% less CPU
            time with two at 128 connections (median of 8 interleaved rounds), and as much at 64. A backend with rows of
            fixed lengths runs what is beyond a full batch as another one.
        spare: share of such a batch that is gathered beyond it; see runtime.serve.batching.whole_rows.
    """

    streams = 1

    def __init__(self, backend: Backend, *, align: int = 1) -> None:
        self._backend = backend
        self.layout: Layout = backend.layout
        self.device: Device = backend.device
        self.version = backend.version
        self.concurrent = backend.streams
        self.full = backend.packing.slots
        # One that comes to a little more than a full batch costs less in one call than in two, where the backend takes
        # any shape.
        any_shape = not backend.packing.lengths
        self.gathered = 2 if any_shape else 1
        self.packing: Packing = replace(backend.packing, align=align, slots=self.gathered * self.full)
        self.spare = _SPARE if any_shape and backend.layout == "packed" else 0.0
        self._free = backend.streams
        self._small: deque[threading.Lock] = deque()
        self._bulk: deque[threading.Lock] = deque()
        self._lock = threading.Lock()
        self._thread = threading.local()

    def begin(self, *, small: bool, wanted: Callable[[], bool] = _always) -> None:
        """What this thread runs from now on is a small batch, or not; its stopwatch starts at 0.

        Args:
            small: it goes before those that are not.
            wanted: whether anybody still waits; it is asked before each batch of the backend, for one long text has
                hundreds of them.
        """
        self._thread.small, self._thread.seconds, self._thread.wanted = small, 0.0, wanted

    @property
    def seconds(self) -> float:
        """That this thread's batches ran since `begin`, waiting for a stream left out."""
        seconds: float = self._thread.seconds
        return seconds

    @property
    def waiting(self) -> int:
        """Batches that wait for a stream."""
        return len(self._small) + len(self._bulk)

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend.

        Raises:
            BackendError: the backend refused the batch, or answered with what is no number.
            NobodyWaitsError: see `begin`.
        """
        self._enter(small=self._thread.small)
        try:
            if not self._thread.wanted():
                raise NobodyWaitsError
            begun = time.perf_counter()
            logits = self._backend.logits(batch)
            self._thread.seconds += time.perf_counter() - begun
        finally:
            self._leave()
        _check_finite(logits, batch)
        return logits

    def close(self) -> None:
        """See Backend."""
        self._backend.close()

    def _enter(self, *, small: bool) -> None:
        """Take a stream: a free one, or, in the order of arrival, the next that is handed on; small batches go first.

        A stream that came free for whoever is quickest went to the thread that had just left it and came back with its
        next batch, past one that had waited for a whole batch's time.
        """
        with self._lock:
            if self._free:  # nobody waits while one is
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            (self._small if small else self._bulk).append(turn)
        turn.acquire()

    def _leave(self) -> None:
        """Hand the stream on, or leave it free."""
        with self._lock:
            if waiting := self._small or self._bulk:
                waiting.popleft().release()
            else:
                self._free += 1


def _check_finite(logits: NDArray[np.float32], batch: Batch) -> None:
    """Refuse NaN and infinity where a token is; what stands in empty slots has no meaning.

    Raises:
        BackendError: there is one.
    """
    # The sum is not finite where any logit is not, and takes a third of the time; the second look leaves out the rest.
    if np.isfinite(logits.sum()) or np.isfinite(logits[batch.segment_ids >= 0]).all():
        return
    raise BackendError("backend", "its logits are not finite", "certify the bundle again, and look at this machine")
