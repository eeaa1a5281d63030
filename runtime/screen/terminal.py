"""A terminal with colors: a moving bar for the open stage, drawn by Rich. It knows nothing of what stages mean."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich import box
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed
from rich.table import Table as RichTable
from rich.text import Text

from runtime.screen.display import Table, Told, Tone
from runtime.screen.pace import Pace
from runtime.screen.plain import WIDTH

_STYLES: dict[Tone, str] = {"plain": "", "good": "green", "bad": "bold red", "faint": "dim"}
# A bar that moves more often would take its time from the work.
_FRAMES_A_SECOND = 4


class Terminal:
    """Draws with Rich; see runtime.screen.display.Screen.

    Args:
        console: the terminal.
        verbose: whether details are shown.
        clock: seconds from any moment on.
    """

    colored = True

    def __init__(self, console: Console, *, verbose: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._verbose, self._clock = console, verbose, clock
        self._bar: Progress | None = None
        self._pace = Pace(0, 0.0)

    def begin(self, name: str, total: int) -> None:
        """A bar appears; where nobody knows the number of steps, it swings."""
        columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn(f"{escape(name):<10}"), BarColumn(24)]
        columns += [MofNCompleteColumn()] if total else []
        columns += [Elapsed(), TextColumn("{task.fields[doing]}", style="dim", markup=False)]
        self._bar = Progress(*columns, console=self._console, transient=True, refresh_per_second=_FRAMES_A_SECOND)
        self._bar.add_task(name, total=total or None, doing="")
        self._bar.start()
        self._pace = Pace(total, self._clock())

    def progress(self, done: int, doing: str) -> None:
        """The bar grows, and it is told how long the rest will take."""
        if self._bar:
            # Before what is at work, whose end a narrow terminal cuts off.
            said = ", ".join(filter(None, (self._pace.left(done, self._clock()), doing)))
            self._bar.update(self._bar.task_ids[0], completed=done, doing=said)

    def end(self, told: Told, *, failed: bool) -> None:
        """A line takes the bar's place."""
        if self._bar:
            self._bar.stop()
            self._bar = None
        mark, took = ("[bold red]✗[/]", "failed") if failed else ("[green]✓[/]", f"{told.seconds:7.1f} s")
        self._console.print(f"{mark} {escape(told.name):<10} {took}  [dim]{escape(told.remark)}[/]")

    def line(self, text: str, tone: Tone) -> None:
        """The text in its own colors, or in its tone's."""
        # The terminal itself folds a line that is too long: a command in it can be copied, which Rich would cut.
        self._console.print(Text.from_ansi(text, style=_STYLES[tone]), soft_wrap=True)

    def detail(self, text: str) -> None:
        """The text, faint, if details are asked for."""
        if self._verbose:
            self._console.print(f"  {text}", style="dim", markup=False)

    def table(self, table: Table) -> None:
        """Columns under a rule; each row in its tone's color."""
        drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, width=None, show_edge=False)
        last = len(table.headings) - 1
        for column, heading in enumerate(table.headings):
            side: JustifyMethod = "right" if column in table.right else "left"
            # The last column holds words, which fold in a narrow terminal; figures are no use in halves.
            drawn.add_column(escape(heading), justify=side, no_wrap=column != last)
        for row, tone in zip(table.rows, table.tones, strict=True):
            drawn.add_row(*map(escape, row), style=_STYLES[tone])
        self._console.print(drawn)


def terminal(*, verbose: bool) -> Terminal:
    """A Terminal on standard output, no wider than what can be read at a glance."""
    console = Console(highlight=False, soft_wrap=False)
    console.width = min(console.width, WIDTH)
    return Terminal(console, verbose=verbose)
