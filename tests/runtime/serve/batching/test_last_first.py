"""The condition that idle workers wait on."""

from __future__ import annotations

import threading
import time

from runtime.serve.batching.last_first import LastFirst
from tests.waiting import PATIENCE, wait_until


class Waiting:
    """Threads that wait.

    Attributes:
        woken: their numbers, as they woke.
    """

    def __init__(self, count: int, *, seconds: float | None = None) -> None:
        self.condition = LastFirst()
        self.woken: list[int] = []
        self._threads = [threading.Thread(target=self._wait, args=(number, seconds)) for number in range(count)]
        for number, thread in enumerate(self._threads):
            thread.start()
            if seconds is None:
                wait_until(lambda: self.condition.waiting > number)  # noqa: B023  # it is called at once

    def join(self) -> list[int]:
        """Wait for their ends."""
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        return self.woken

    def _wait(self, number: int, seconds: float | None) -> None:
        with self.condition:
            self.condition.wait(seconds)
            self.woken.append(number)


def test_the_newest_wakes_first() -> None:
    waiting = Waiting(3)
    for woken in (1, 2, 3):
        with waiting.condition:
            waiting.condition.notify()
        wait_until(lambda: len(waiting.woken) == woken)  # noqa: B023  # it is called at once
    assert waiting.join() == [2, 1, 0]


def test_all_wake() -> None:
    waiting = Waiting(3)
    with waiting.condition:
        waiting.condition.notify_all()
    assert sorted(waiting.join()) == [0, 1, 2]


def test_who_waited_long_enough_is_woken_by_nobody_else() -> None:
    waiting = Waiting(1, seconds=0.01)
    assert waiting.join() == [0]
    with waiting.condition:
        waiting.condition.notify()  # nobody waits: it is not kept for the next
    later = threading.Thread(target=waiting._wait, args=(7, 0.2))
    begun = time.monotonic()
    later.start()
    later.join(PATIENCE)
    assert time.monotonic() - begun >= 0.19
