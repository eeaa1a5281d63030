"""A condition whose newest waiter wakes first: of several idle workers, the one whose memory is still in the cache."""

from __future__ import annotations

import threading
from types import TracebackType


class LastFirst:
    """See the module. The methods are called by whoever has entered it, as with threading.Condition, which wakes the
    oldest waiter: three idle workers took turns then, and each found its CPU cache cold.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[threading.Lock] = []

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until somebody notifies, or for so many seconds; others may enter meanwhile."""
        turn = threading.Lock()
        turn.acquire()
        self._waiting.append(turn)
        self._lock.release()
        try:
            turn.acquire(timeout=-1 if seconds is None else seconds)
        finally:
            self._lock.acquire()
            if turn in self._waiting:  # its time was over before anybody notified it
                self._waiting.remove(turn)

    def notify(self) -> None:
        """Wake the newest waiter, if there is one."""
        if self._waiting:
            self._waiting.pop().release()

    def notify_all(self) -> None:
        """Wake them all."""
        while self._waiting:
            self.notify()
