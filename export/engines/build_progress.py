"""How far TensorRT is with an engine: a line on a terminal, nothing anywhere else. Building takes minutes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from export.engines.api import Building

_CLEAR = "\r\x1b[K"
_SECONDS = 0.2
_WIDTH = 100


class Phases:
    """What TensorRT's progress monitor is told. Phases lie within phases; TensorRT may tell of them on any thread.

    Args:
        file: where to; only a terminal gets anything.
        clock: seconds that go by.

    Attributes:
        stopped: the user has asked to stop; TensorRT then ends the build.
    """

    def __init__(self, *, file: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file or sys.stderr
        self._shown = self._file.isatty()
        self._clock = clock
        self._start = self._last = clock()
        self._open: dict[str, tuple[int, int]] = {}  # phase -> steps done, steps in all
        self._lock = threading.Lock()
        self.stopped = False

    def start(self, name: str, steps: int) -> None:
        """A phase of that many steps begins."""
        with self._told():
            self._open[name] = (0, steps)

    def step(self, name: str, number: int) -> bool:
        """A step, counted from 0, is done. Whether to go on."""
        with self._told():
            self._open[name] = (number + 1, self._open.get(name, (0, number + 1))[1])
            self._show()
        return not self.stopped

    def finish(self, name: str) -> None:
        """A phase has ended."""
        with self._told():
            self._open.pop(name, None)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._file.write(_CLEAR)
            self._file.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """No exception may reach TensorRT's own code, which cannot take it: the one of Ctrl-C becomes a no."""
        try:
            with self._lock:
                yield
        except KeyboardInterrupt:
            self.stopped = True

    def _show(self) -> None:
        now = self._clock()
        if self._shown and now - self._last >= _SECONDS:
            self._last = now
            told = ", ".join(f"{name} {done}/{steps}" for name, (done, steps) in self._open.items())
            self._file.write(f"{_CLEAR}building {now - self._start:.0f} s: {told}"[: _WIDTH + len(_CLEAR)])
            self._file.flush()


def monitor(library: Building, phases: Phases) -> Any:
    """A progress monitor for TensorRT that tells `phases`."""
    # A class made here, because its base comes with the library.
    members = {
        "phase_start": lambda self, phase_name, parent_phase, num_steps: phases.start(phase_name, num_steps),
        "step_complete": lambda self, phase_name, step: phases.step(phase_name, step),
        "phase_finish": lambda self, phase_name: phases.finish(phase_name),
    }
    return type("Monitor", (library.IProgressMonitor,), members)()
