"""A Tagger's three steps by a clock, and backends that note how long they worked. The Tagger is not changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.batches import NOTHING, Batch, Packing
from runtime.batch.chunks import chunks
from runtime.bundle.store import Device, Layout
from runtime.tagger import CHUNK, Tagger


def step_by_step(
    tagger: Tagger, texts: Sequence[str], clock: Callable[[], float], *, growth: int = 1
) -> tuple[float, float, float]:
    """Seconds to tokenize texts, to run their tokens, and to make their entities, one chunk after another.

    Args:
        tagger: whose steps they are.
        texts: any number.
        clock: in seconds, of time or of a CPU's.
        growth: of the chunks; see runtime.batch.chunks.
    """
    tokenize = run = decode = 0.0
    for chunk in chunks(texts, CHUNK, growth=growth):
        at = [clock()]
        tokens = tagger.reader.tokenize(chunk.items)
        at.append(clock())
        said = tagger.reader.run(tokens)
        at.append(clock())
        tagger.reader.entities(tokens, said)
        at.append(clock())
        tokenize, run, decode = tokenize + at[1] - at[0], run + at[2] - at[1], decode + at[3] - at[2]
    return tokenize, run, decode


class WatchedBackend:
    """A backend that notes when it worked, and how full its batches were.

    Attributes:
        busy: (begun, ended) of every call, by the given clock.
        slots: token slots of all batches. filled: those that hold a token.
    """

    def __init__(self, backend: Backend, clock: Callable[[], float]) -> None:
        self._backend, self._clock = backend, clock
        self._lock = threading.Lock()
        self.busy: list[tuple[float, float]] = []
        self.slots = self.filled = 0

    @property
    def layout(self) -> Layout:
        """See Backend."""
        return self._backend.layout

    @property
    def streams(self) -> int:
        """See Backend."""
        return self._backend.streams

    @property
    def device(self) -> Device:
        """See Backend."""
        return self._backend.device

    @property
    def version(self) -> str:
        """See Backend."""
        return self._backend.version

    @property
    def packing(self) -> Packing:
        """See Backend."""
        return self._backend.packing

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        begun = self._clock()
        logits = self._backend.logits(batch)
        ended = self._clock()
        # Several streams call it at the same time.
        with self._lock:
            self.busy.append((begun, ended))
            self.slots += batch.segment_ids.size
            self.filled += int(np.count_nonzero(batch.segment_ids != NOTHING))
        return logits

    @property
    def seconds(self) -> float:
        """For how long at least one call was running."""
        total, until = 0.0, float("-inf")
        # Calls of several streams overlap; time that two share counts once.
        for begun, ended in sorted(self.busy):
            total += max(0.0, ended - max(begun, until))
            until = max(until, ended)
        return total

    def close(self) -> None:
        """Do nothing: the backend is closed by whoever opened it."""

    def forget(self) -> None:
        """Forget everything that was noted."""
        self.busy.clear()
        self.slots = self.filled = 0


class TimedBackend(WatchedBackend):
    """The same, noting no more than how long its last call took, so that noting takes next to no time itself.

    Attributes:
        spent: seconds of the last call.
    """

    spent = 0.0

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        begun = self._clock()
        logits = self._backend.logits(batch)
        self.spent = self._clock() - begun
        return logits
