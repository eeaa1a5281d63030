"""What an export, a certification or a tuning ends with: the report, the table, a sentence, the next command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.certify.outcomes import Outcome
from export.report.rows import Row, rows_of, table_of
from export.report.write import FACTS, PAGE, write_report
from runtime.bundle.store import Bundle, open_bundle
from runtime.screen.display import is_colored, note, table, told
from runtime.screen.opening import on_terminal
from runtime.tag.input.item import Item
from runtime.tag.output.terminal import Terminal
from runtime.tagger import Tagger
from runtime.text.answer import Answer


def report(bundle: Bundle, outcomes: Sequence[Outcome]) -> tuple[Row, ...]:
    """Write the report into the folder of a bundle that has just been sealed, and return the rows of its table.

    Args:
        bundle: in its folder.
        outcomes: of all candidates that were tried.

    Raises:
        StorageError: no permission, or no space.
    """
    rows = rows_of(bundle, outcomes)
    write_report(bundle, rows, told())
    return rows


def show_table(rows: Sequence[Row], place: Path) -> None:
    """The table, and where all the rest is."""
    table(table_of(rows))
    note(f"report: {place / PAGE}", tone="faint")


def show_sentence(place: Path, text: str, *, limited: bool) -> None:
    """A text with its entities, as the bundle answers: what was made works.

    Args:
        place: the bundle.
        text: to tag; without any, nothing is shown.
        limited: whether certificates of limited evidence are enough.
    """
    if not text:
        return
    with Tagger.open(open_bundle(place, limited=limited)) as tagger:
        (entities,) = tagger.tag([text])
        drawn = Terminal(tagger.labels, {} if is_colored() else {"NO_COLOR": "1"})
    note(drawn.entry(Item(file="", line=0, text=text), Answer(entities)).decode().rstrip("\n"))


def show_next(place: Path) -> None:
    """The command that a user wants next, and last a line for programs, where a program reads."""
    note(f'next: python -m runtime.tag --bundle {place} "TEXT"')
    if not on_terminal():
        print(json.dumps(_for_programs(place)), flush=True)


def _for_programs(place: Path) -> dict[str, Any]:
    return {"bundle": str(place), "report": str(place / FACTS)}
