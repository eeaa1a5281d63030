"""What a system's process is asked to do. Each job is a function of the session, and its answer is plain data.

Timing happens here, in the process that runs the system, so that no message between processes is ever in a figure.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.measure.open_loop import open_loop
from bench.systems.base import Failure, Setting, Span, Split, System

Clock = Callable[[], float]


class Session:
    """What a process keeps between jobs: the opened system.

    Args:
        clock: seconds from any zero.
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self._system: System | None = None

    @property
    def system(self) -> System:
        """The opened system."""
        if self._system is None:
            raise Failure("nothing was opened")
        return self._system

    @system.setter
    def system(self, opened: System) -> None:
        self._system = opened

    def close(self) -> None:
        """Close the system, if one is open."""
        if self._system is not None:
            self._system.close()
            self._system = None


def open_system(session: Session, opener: Callable[[Setting], System], setting: Setting) -> None:
    """Open a system, the one before it closed."""
    session.close()
    gc.collect()
    session.system = opener(setting)


def prepare(session: Session, maker: Callable[[], None]) -> None:
    """Make the files that a system needs."""
    maker()


def answers(session: Session, texts: Sequence[str]) -> list[list[Span]]:
    """The entities of each text."""
    return session.system.spans(session.system.tag(texts))


def timed(session: Session, texts: Sequence[str], repeats: int) -> float:
    """Seconds that tagging all texts takes, `repeats` times in a row and in all; the garbage collector is off."""
    tag = session.system.tag
    with _no_collector():
        begun = session.clock()
        for _ in range(repeats):
            tag(texts)
        return session.clock() - begun


def calls(session: Session, texts: Sequence[str]) -> list[float]:
    """Seconds of each of many calls with one text."""
    tag, clock = session.system.tag, session.clock
    seconds = []
    with _no_collector():
        for text in texts:
            begun = clock()
            tag([text])
            seconds.append(clock() - begun)
    return seconds


def load(session: Session, texts: Sequence[str], due: Sequence[float], batch: int) -> list[float]:
    """Seconds from the moment each text was due to its answer; see bench.measure.open_loop."""
    with _no_collector():
        return open_loop(session.system.tag, texts, due, batch=batch, clock=session.clock, sleep=time.sleep)


def split(session: Session, texts: Sequence[str]) -> Split:
    """Where the time goes."""
    return session.system.split(texts)


def peak_bytes(session: Session) -> int:
    """The most memory that this process ever held (VmHWM of the Linux kernel), 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@contextmanager
def _no_collector() -> Iterator[None]:
    """A collection inside a turn would be charged to whoever happened to fill the last generation."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
