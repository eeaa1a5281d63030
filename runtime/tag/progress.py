"""A line on a terminal that says how far a long run is. It knows nothing of what is being done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_SECONDS = 0.1
_CLEAR = "\r\x1b[K"
_WIDTH = 24


class Progress:
    """The line, on a terminal; nothing anywhere else.

    Args:
        total: size of the work, in any unit; 0 where it is not known: no share and no remaining time are shown.
        wanted: whether the user wants it.
        file: where to; only a terminal gets anything.
        clock: seconds that go by.
    """

    def __init__(
        self, total: int, *, wanted: bool, file: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = file or sys.stderr
        self._shown = wanted and self._file.isatty()
        self._total, self._clock = total, clock
        self._start = self._last = clock()
        self._count, self._before = 0, -1

    def update(self, count: int, done: int) -> None:
        """So many texts more; the work's size now done is `done`."""
        self._count += count
        now = self._clock()
        if self._before < 0:
            self._before, self._start = (
                done,
                now,
            )  # what a run before this one did, and the first group, took no time here
        if self._shown and now - self._last >= _SECONDS:
            self._last = now
            self._file.write(_CLEAR + self._line(now - self._start, done))
            self._file.flush()

    def clear(self) -> None:
        """Take the line away, for another or for good."""
        if self._shown and self._count:
            self._file.write(_CLEAR)
            self._file.flush()

    def _line(self, seconds: float, done: int) -> str:
        rate = f"{self._count:,} texts  {self._count / seconds:,.0f}/s"
        if not self._total or done <= self._before:
            return rate
        share = min(done / self._total, 1.0)
        # From what this run did: what a run before it did took another time.
        left = seconds * (self._total - done) / (done - self._before)
        bar = "#" * int(share * _WIDTH)
        return f"{share:4.0%} [{bar:<{_WIDTH}}] {rate}  {_clock_time(left)} left"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
