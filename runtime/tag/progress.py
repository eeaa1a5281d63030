"""A line on a terminal that shows how far a long run is. The module does not know what the run does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

# Seconds between two drawings: a reader sees no difference, and a terminal is slow.
_SECONDS = 0.1
_CLEAR = "\r\x1b[K"
_WIDTH = 24


class Progress:
    """The progress line. It is drawn on a terminal, and nowhere else.

    Args:
        total: size of the work, in any unit; 0: unknown, and neither a share nor the remaining time is shown.
        wanted: whether the user wants the line.
        file: the terminal; None: standard error.
        clock: gives the time in seconds.
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
        """Count further texts, and draw the line where it is time to.

        Args:
            count: number of texts since the last call.
            done: size of the work that is done, in the unit of `total`.
        """
        self._count += count
        now = self._clock()
        if self._before < 0:
            # The rate counts from the first call on: an earlier run's work, and loading, would make it wrong. So the
            # line is drawn from the next call on: no time has passed yet to divide by.
            self._before, self._start, self._last = done, now, now
        if self._shown and now - self._last >= _SECONDS:
            self._last = now
            self._file.write(_CLEAR + self._line(now - self._start, done))
            self._file.flush()

    def clear(self) -> None:
        """Remove the line, so that a message can be printed in its place."""
        if self._shown and self._count:
            self._file.write(_CLEAR)
            self._file.flush()

    def _line(self, seconds: float, done: int) -> str:
        rate = f"{self._count:,} texts  {self._count / seconds:,.0f}/s"
        if not self._total or done <= self._before:
            return rate
        share = min(done / self._total, 1.0)
        # Only this run's work counts: an earlier run may have had another speed.
        left = seconds * (self._total - done) / (done - self._before)
        bar = "#" * int(share * _WIDTH)
        return f"{share:4.0%} [{bar:<{_WIDTH}}] {rate}  {_clock_time(left)} left"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
