"""What a long command shows of its work: stages with their times, lines, details and tables.

Code that does the work says what happens by the functions of this module, and does not know who looks at it:

    with stage("certify", total=len(candidates)) as certifying:
        for candidate in candidates:
            certifying.step(str(candidate))
    note("seen by everybody")
    detail("seen with --verbose, and kept in the record")

A command chooses the Screen that draws it (runtime.screen.opening). Without one nothing is drawn: a library is silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

from runtime.errors import BugError
from runtime.system.memory import peak_bytes

Tone = Literal["plain", "good", "bad", "faint"]
"""What a line or a row is like: a terminal gives each its color."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose cells are text.

    Attributes:
        headings: one a column; of one line or two.
        rows: cells of each row, as many as there are headings.
        tones: one a row.
        right: numbers of the columns that are set flush right.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    tones: tuple[Tone, ...]
    right: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """A stage that has ended.

    Attributes:
        name, seconds: what it was, and its time by the clock.
        remark: stands behind the time.
        details: told in it.
        cpu_seconds: of this process, all threads together.
        peak_bytes: the most memory that the process has held so far; 0 where that is not known.
    """

    name: str
    seconds: float
    remark: str
    details: tuple[str, ...]
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


class Screen(Protocol):
    """Draws what a command tells; at most one stage is open at a time.

    Attributes:
        colored: whether lines may hold the escape sequences of colors.
    """

    colored: bool

    def begin(self, name: str, total: int) -> None:
        """A stage begins, of that many steps; 0 where nobody knows how many."""

    def progress(self, done: int, doing: str) -> None:
        """So many steps of the open stage are done, and this is at work."""

    def end(self, told: Told, *, failed: bool) -> None:
        """The open stage has ended."""

    def line(self, text: str, tone: Tone) -> None:
        """A line for everybody."""

    def detail(self, text: str) -> None:
        """A line for those who asked for details."""

    def table(self, table: Table) -> None:
        """A table for everybody."""


class Silent:
    """Draws nothing."""

    colored = False

    def begin(self, name: str, total: int) -> None:
        """See Screen."""

    def progress(self, done: int, doing: str) -> None:
        """See Screen."""

    def end(self, told: Told, *, failed: bool) -> None:
        """See Screen."""

    def line(self, text: str, tone: Tone) -> None:
        """See Screen."""

    def detail(self, text: str) -> None:
        """See Screen."""

    def table(self, table: Table) -> None:
        """See Screen."""


class Stage:
    """The open stage: what its body says of itself."""

    def __init__(self, name: str, screen: Screen) -> None:
        self.name, self._screen = name, screen
        self.remark, self.details = "", list[str]()
        self._done, self._step = -1, ""

    def step(self, doing: str) -> None:
        """The next step begins, and this is its work."""
        self.at(self._done + 1, doing)

    def at(self, done: int, doing: str) -> None:
        """So many steps are done, and this is at work."""
        self._done, self._step = done, doing
        self.doing(doing)

    def doing(self, text: str) -> None:
        """What is at work within the step."""
        self._screen.progress(max(0, self._done), text)

    def within(self, text: str) -> None:
        """What is at work within the step, behind the step's own work."""
        self.doing(f"{self._step}: {text}" if self._step else text)


class Display:
    """A screen, and the record of what was told on it.

    Args:
        screen: draws.
        clock: seconds from any moment on.
    """

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.perf_counter) -> None:
        self.screen, self.clock = screen, clock
        self.told: list[Told] = []
        self.open: Stage | None = None


_DISPLAY: ContextVar[Display] = ContextVar("display")


def _display() -> Display:
    return _DISPLAY.get(None) or Display(Silent())


@contextmanager
def showing(screen: Screen) -> Iterator[Display]:
    """While the body runs, what is told is drawn on that screen."""
    display = Display(screen)
    token = _DISPLAY.set(display)
    try:
        yield display
    finally:
        _DISPLAY.reset(token)


@contextmanager
def stage(name: str, *, total: int = 0) -> Iterator[Stage]:
    """A stage of the work; its time is shown when it ends.

    Args:
        name: one word.
        total: how many steps it has; 0 where nobody knows.
    """
    display = _display()
    if display.open:
        raise BugError(f"stage {name} begins within {display.open.name}")
    begun, cpu, open_stage, failed = display.clock(), time.process_time(), Stage(name, display.screen), True
    display.open = open_stage
    display.screen.begin(name, total)
    try:
        yield open_stage
        failed = False
    finally:
        display.open = None
        costs = time.process_time() - cpu, peak_bytes()
        told = Told(name, display.clock() - begun, open_stage.remark, tuple(open_stage.details), *costs)
        display.told.append(told)
        display.screen.end(told, failed=failed)


def doing(text: str) -> None:
    """What the open stage, if there is one, is at."""
    if opened := _display().open:
        opened.doing(text)


def within(text: str) -> None:
    """What the open stage, if there is one, is at within its step, whose own work is shown, too."""
    if opened := _display().open:
        opened.within(text)


def reached(done: int, text: str) -> None:
    """So many steps of the open stage, if there is one, are done, and this is at work."""
    if opened := _display().open:
        opened.at(done, text)


def note(text: str, *, tone: Tone = "plain") -> None:
    """A line for everybody."""
    _display().screen.line(text, tone)


def detail(text: str) -> None:
    """A line for those who ask for details; the record keeps it with its stage."""
    display = _display()
    if display.open:
        display.open.details.append(text)
    display.screen.detail(text)


def table(shown: Table) -> None:
    """A table for everybody."""
    _display().screen.table(shown)


def is_colored() -> bool:
    """Whether lines may hold the escape sequences of colors."""
    return _display().screen.colored


def told() -> tuple[Told, ...]:
    """The stages that have ended on the display so far."""
    return tuple(_display().told)
