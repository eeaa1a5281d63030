"""Plain lines: a screen for pipes, files, terminals without colors, and people who want neither bars nor colors."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from typing import TextIO

from runtime.screen.display import Table, Told, Tone
from runtime.screen.pace import Pace

WIDTH = 120
"""Characters of the longest line."""

_SECONDS = 60.0
"""Between two lines of progress: enough for somebody who wonders whether it still works."""


class Plain:
    """Draws lines of text; see runtime.screen.display.Screen.

    Args:
        out: where they go.
        verbose: whether details are shown.
        clock: seconds from any moment on.
    """

    colored = False

    def __init__(self, out: TextIO, *, verbose: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._verbose, self._clock = out, verbose, clock
        self._name, self._total, self._said = "", 0, 0.0
        self._pace = Pace(0, 0.0)

    def begin(self, name: str, total: int) -> None:
        """Remember it: its line is printed when it has ended."""
        self._name, self._total = name, total
        self._said = self._clock()
        self._pace = Pace(total, self._said)

    def progress(self, done: int, doing: str) -> None:
        """A line, if the last one is long ago."""
        now = self._clock()
        left = self._pace.left(done, now)
        if now - self._said < _SECONDS:
            return
        self._said = now
        of = f"{done:,} of {self._total:,}" if self._total else ""
        self._write(f"{self._name:<12} {', '.join(filter(None, (of, doing, left)))}")

    def end(self, told: Told, *, failed: bool) -> None:
        """Name, time and remark in a line."""
        took = "failed" if failed else f"{told.seconds:7.1f} s"
        self._write(f"{told.name:<12} {took}  {told.remark}")

    def line(self, text: str, tone: Tone) -> None:
        """The text as it is."""
        self._write(text)

    def detail(self, text: str) -> None:
        """The text, set in from the margin, if details are asked for."""
        if self._verbose:
            self._write(f"  {text}", indent="    ")

    def table(self, table: Table) -> None:
        """Columns as wide as their widest cell; the last one is cut where the line would be too long."""
        heads = [heading.split("\n") for heading in table.headings]
        tallest = max(map(len, heads))
        above = [tuple((head + [""] * tallest)[line] for head in heads) for line in range(tallest)]
        lines = (*above, *table.rows)
        widths = [max(len(line[column]) for line in lines) for column in range(len(table.headings))]
        for line in lines:
            cells = [
                cell.rjust(width) if column in table.right else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths))
            ]
            self._print("  ".join(cells).rstrip()[:WIDTH])

    def _write(self, text: str, *, indent: str = "  ") -> None:
        for part in text.split("\n"):
            folded = textwrap.wrap(part, WIDTH, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False)
            self._print("\n".join(folded).rstrip())

    def _print(self, text: str) -> None:
        print(text, file=self._out, flush=True)
