"""The gate before a backend's streams: first come, first served, and small batches first."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.serve.batching.stream_gate import NobodyWaitsError, SharedBackend
from tests.waiting import PATIENCE, wait_until


class Held(Fake):
    """A Fake with one stream that ends a batch when it is told to.

    Attributes:
        order: the batches as they ran, by the id of their one token.
    """

    def __init__(self) -> None:
        super().__init__(2, lambda ids: ids * 0)
        self.order: list[int] = []
        self.end = threading.Semaphore(0)

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Fake."""
        self.order.append(int(batch.input_ids[0, 0]))
        assert self.end.acquire(timeout=PATIENCE)
        return super().logits(batch)


class Running:
    """Threads that each run batches of one token through the gate, one batch at a time."""

    def __init__(self) -> None:
        self.backend = Held()
        self._shared = SharedBackend(self.backend)
        self._threads: list[threading.Thread] = []
        self._tokens: list[tuple[int, ...]] = []

    def start(self, *tokens: int, small: bool = True) -> None:
        """One more thread, with these batches one after another; it stands at the gate when this returns."""
        self._threads.append(threading.Thread(target=self._run, args=(tokens, small)))
        self._tokens.append(tokens)
        self._threads[-1].start()
        wait_until(lambda: self._settled(1))

    def finish(self) -> list[int]:
        """End all batches, each when whoever has more to run stands at the gate, and tell in which order they ran."""
        for begun in range(1, sum(map(len, self._tokens)) + 1):
            wait_until(lambda: self._settled(begun))  # noqa: B023  # it is called at once
            self.backend.end.release()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.backend.order

    def _settled(self, begun: int) -> bool:
        """Whether so many batches have begun, and all wait who have one that has not; who runs the newest cannot."""
        order = [*self.backend.order]
        due = [tokens for tokens in self._tokens if {*tokens} - {*order} and not {*tokens} & {*order[-1:]}]
        return len(order) == begun and self._shared.waiting == len(due)

    def _run(self, tokens: tuple[int, ...], small: bool) -> None:
        self._shared.begin(small=small)
        for token in tokens:
            self._shared.logits(Batch(*(np.full((1, 1), value) for value in (token, 0, 0))))


def test_who_has_waited_goes_before_who_comes_back() -> None:
    running = Running()
    running.start(1, 4, 6)
    running.start(2, 5)
    running.start(3)
    assert running.finish() == [1, 2, 3, 4, 5, 6]


def test_a_small_batch_goes_before_large_ones_that_wait() -> None:
    running = Running()
    running.start(1, small=False)
    running.start(2, small=False)
    running.start(3, small=False)
    running.start(4)
    assert running.finish() == [1, 4, 2, 3]


def test_a_batch_that_fails_hands_its_stream_on() -> None:
    backend = Fake(2, lambda ids: ids // 0)
    shared = SharedBackend(backend)
    shared.begin(small=True)
    for _ in range(2):
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            shared.logits(Batch(*(np.zeros((1, 1), np.int64) for _ in range(3))))


def test_what_nobody_waits_for_is_not_run_and_hands_its_stream_on() -> None:
    shared, waiting = SharedBackend(Fake(2, lambda ids: ids * 0)), [True, False]
    batch = Batch(*(np.zeros((1, 1), np.int64) for _ in range(3)))
    shared.begin(small=False, wanted=lambda: waiting.pop(0))
    assert shared.logits(batch).shape == (1, 1, 2)
    with pytest.raises(NobodyWaitsError):
        shared.logits(batch)
    shared.begin(small=True)
    assert shared.logits(batch).shape == (1, 1, 2)
