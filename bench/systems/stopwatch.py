"""An encoder and a backend that note when they were called. They are given to a Tagger, which is not changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.batches import NOTHING, Batch, Packing
from runtime.bundle.store import Device, Layout
from runtime.encode.tokenizer import Encoded, Encoder


class WatchedEncoder(Encoder):
    """An Encoder that notes when it finished.

    Attributes:
        done: when its last call ended, by the given clock.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        super().__init__(path)
        self.done = 0.0
        self._clock = clock

    def encode_texts(self, texts: Sequence[str], *, sentences: bool = False) -> tuple[Encoded, NDArray[np.int32]]:
        """See Encoder."""
        # The clock is read after the call: only its end is needed.
        encoded = super().encode_texts(texts, sentences=sentences)
        self.done = self._clock()
        return encoded

    def tokens_of_words(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """See Encoder; a single text is tokenized by this alone."""
        tokens = super().tokens_of_words(words)
        self.done = self._clock()
        return tokens


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

    @property
    def last(self) -> float:
        """When the last call ended; minus infinity if there was none."""
        return max((ended for _, ended in self.busy), default=float("-inf"))

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
