"""The jobs that a system's process does. Each job is a function of the session, and its answer is plain data.

Time is measured here, inside the process that runs the system, so that no message between processes is in a figure.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.systems.base import Failure, Setting, Span, Split, System
from export.tune.open_loop import open_loop
from runtime.system import memory

Clock = Callable[[], float]
# A run is as short as the shortest if it is no longer than that by this share of itself.
_SAME = 0.2


class Session:
    """What a process keeps between two jobs: the opened system.

    Args:
        clock: returns seconds, counted from any moment.
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
    """Open a system, after closing the one that was open."""
    session.close()
    # What the system before has left must not be counted into the memory of the next one.
    gc.collect()
    session.system = opener(setting)


def prepare(session: Session, maker: Callable[[], None]) -> None:
    """Make the files that a system needs to run."""
    maker()


def answers(session: Session, texts: Sequence[str]) -> list[list[Span]]:
    """The entities of each text."""
    return session.system.spans(session.system.tag(texts))


def timed(session: Session, texts: Sequence[str], repeats: int) -> float:
    """Tag all texts `repeats` times and return the total seconds; the garbage collector is off."""
    # Looked up once, so that no attribute access is timed.
    tag = session.system.tag
    with no_collector():
        begun = session.clock()
        for _ in range(repeats):
            tag(texts)
        return session.clock() - begun


def warm_up(session: Session, texts: Sequence[str], most: int, seconds: float) -> float:
    """Tag all texts until runs no longer get faster (see `settled`), and return the seconds of the last run.

    One run is not enough on a GPU: each stream compiles or captures each shape of batch when it first meets it, and
    which stream gets which batch changes from run to run.

    Args:
        most: runs.
        seconds: no further run begins after so many.
    """
    runs = [timed(session, texts, 1)]
    while len(runs) < most and sum(runs) < seconds and not settled(runs):
        runs.append(timed(session, texts, 1))
    return runs[-1]


def settled(runs: Sequence[float], *, least: int = 3) -> bool:
    """Return whether the last two of at least so many runs are within 20% of the shortest run.

    Two runs that are alike are not enough: on an H100, the first two both captured CUDA graphs (0.18 and 0.14 s), and
    those after them took 0.04 s.
    """
    return len(runs) >= least and (1 - _SAME) * max(runs[-2:]) <= min(runs)


def calls(session: Session, texts: Sequence[str], before: Sequence[str] = ()) -> list[float]:
    """Tag the texts one by one and return the seconds of each call.

    Args:
        before: texts that are tagged first, and not timed: other systems have used the CPU's cache since the last turn.
    """
    tag, clock = session.system.tag, session.clock
    seconds = []
    with no_collector():
        for text in before:
            tag([text])
        for text in texts:
            begun = clock()
            # A list of one text: the same call that the throughput is measured with.
            tag([text])
            seconds.append(clock() - begun)
    return seconds


def load(session: Session, texts: Sequence[str], due: Sequence[float], batch: int) -> list[float]:
    """Return the seconds from the moment each text was due until its answer; see export.tune.open_loop."""
    with no_collector():
        return open_loop(session.system.tag, texts, due, batch=batch, clock=session.clock, sleep=time.sleep)


def split(session: Session, texts: Sequence[str]) -> Split:
    """Return where the time of one call goes."""
    return session.system.split(texts)


def peak_bytes(session: Session) -> int:
    """Return the largest memory that this process ever held; see runtime.system.memory."""
    return memory.peak_bytes()


@contextmanager
def no_collector() -> Iterator[None]:
    """Switch the garbage collector off: one collection would slow down only the run in which it happens to fall."""
    # Collected first, so that garbage of earlier jobs is gone before the clock starts.
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
