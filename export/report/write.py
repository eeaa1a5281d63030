"""Write report.json and report.html into a bundle, and tell them from files of a user's that bear the same names.

They tell of a bundle and are no part of it: no digest in the manifest covers them, nothing that answers reads them, and
one that a killed process has left behind is only old. Each names the manifest that it tells of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.certify.outcomes import FIGURES, Outcome, measured
from export.report.facts import NAME, Facts, facts_of
from export.report.page import page_of
from export.report.rows import Row
from runtime.bundle.schema import SchemaError, read
from runtime.bundle.store import MANIFEST, Bundle, digest_of
from runtime.errors import StorageError
from runtime.screen.display import Told
from runtime.system.files import read_regular, write_atomically

PAGE, FACTS = "report.html", "report.json"
_MARKS = {PAGE: f"<!DOCTYPE html>\n<!-- {NAME} ".encode(), FACTS: f'{{\n "{NAME}": '.encode()}
_LARGEST = 1 << 26


def write_report(bundle: Bundle, rows: Sequence[Row], told: Sequence[Told]) -> None:
    """Write both files beside the manifest that was sealed last.

    Args:
        bundle: as it was sealed in its folder.
        rows: of its candidates, those that were left out too.
        told: the stages of the command that made or changed it.

    Raises:
        StorageError: no permission, no space, or see check_reports.
    """
    check_reports(bundle.path)
    facts = facts_of(bundle, rows, told)
    for name, content in ((FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n"), (PAGE, page_of(facts))):
        # A folder may have a name that is no Unicode; such a byte is written as JSON has it.
        write_atomically(bundle.path / name, content.encode(errors="backslashreplace"))


def check_reports(folder: Path) -> None:
    """Refuse to write a report where somebody else's file bears its name.

    Raises:
        StorageError: such a file is there.
    """
    for name in _MARKS:
        if os.path.lexists(folder / name) and not _is_ours(folder / name):
            problem = "it is there and is no report of Nerve's, which gets that name"
            raise StorageError(str(folder / name), problem, "move it elsewhere")


def reports_in(folder: Path) -> set[str]:
    """Names of the report files in a folder that were written by this module."""
    return {name for name in _MARKS if _is_ours(folder / name)}


def outcomes_of(bundle: Bundle) -> tuple[Outcome, ...]:
    """What the candidates of a sealed bundle came to when it was certified.

    Its certificates tell of those that were kept, and its report of those that were left out, if it has one.
    """
    kept = [measured(one, kept=True, reason="kept") for one in bundle.manifest.certificates if one.passed]
    try:
        rows = [_row(each) for each in _facts(bundle).get("candidates", [])]
    except (TypeError, ValueError, RecursionError):  # no digest protects the report, and somebody has changed it
        rows = []
    # One that failed on another text has its certificate all the same.
    known = {one.candidate for one in kept}
    return (*kept, *(_left_out(row) for row in rows if not row.kept and row.candidate not in known))


def _row(value: Any) -> Row:
    """A row as it was written, each value of its type.

    Raises:
        SchemaError: it is something else, or would do other things on a screen than stand there.
    """
    row = read(Row, value)
    if not f"{row.candidate}{row.reason}".isprintable():
        raise SchemaError("candidates: what is no text to be shown")
    return row


def _left_out(row: Row) -> Outcome:
    figures = {name: getattr(row, name) for name in FIGURES}
    return Outcome(row.candidate, False, row.reason, figures=figures)


def _facts(bundle: Bundle) -> Facts:
    """The report in the folder, if it tells of the bundle as it is sealed; nothing otherwise."""
    if not _is_ours(bundle.path / FACTS):
        return {}
    facts: Facts = json.loads(read_regular(bundle.path / FACTS, most=_LARGEST))
    return facts if facts.get("manifest_sha256") == digest_of(bundle.path / MANIFEST).sha256 else {}


def _is_ours(path: Path) -> bool:
    try:
        return read_regular(path, most=_LARGEST).startswith(_MARKS[path.name])
    except OSError:
        return False
