"""Write a result's reports: JSON, Markdown and HTML beside each other, and the tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.report.goals import goals_table
from bench.report.html_page import page_of
from bench.report.machine_lines import machine_lines
from bench.report.tables import Table, tables_of
from bench.report.verdict import reading, verdict
from bench.schema.result import Result, write_result
from runtime.errors import storage_error
from runtime.system.files import write_atomically

NAMES = ("result.json", "result.md", "result.html")


def write_reports(result: Result, folder: Path) -> Path:
    """Print the tables, write the three files, and return the path of the JSON.

    Raises:
        StorageError: no permission, or no space.
    """
    make_folder(folder)
    data, markdown, page = (folder / name for name in NAMES)
    # The JSON is first on the disk: whatever happens to the pictures, the measurement is kept.
    write_result(data, result)
    write_atomically(markdown, markdown_of(result).encode())
    write_atomically(page, page_of(result).encode())
    print(terminal_of(result))
    return data


def make_folder(folder: Path) -> None:
    """Make a folder for reports, unless it exists.

    Raises:
        StorageError: no permission, or no space.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error) from error


def terminal_of(result: Result) -> str:
    """Return the tables, and what they show and do not show."""
    parts = []
    for title, table in _tables(result):
        parts += ["", title, table.text()]
    notes = [f"note: {note}" for note in result.notes]
    return "\n".join([*parts, "", *reading(result), *notes, "", verdict(result)])


def markdown_of(result: Result) -> str:
    """Return the whole report except its pictures."""
    parts = [f"# Benchmark of {result.made}", verdict(result)]
    for title, table in _tables(result):
        parts += [f"## {title}", table.markdown()]
    parts += _list_section("What the intervals show", reading(result)) + _list_section("Notes", result.notes)
    parts += _list_section("How it was measured", result.method) + _list_section("Machine", machine_lines(result))
    return "\n\n".join(parts) + "\n"


def _tables(result: Result) -> list[tuple[str, Table]]:
    """Return all tables; those of a GPU check begin with its goals."""
    goals = [("Goals", goals_table(result))] if result.checks and result.workloads else []
    return [*goals, *tables_of(result)]


def _list_section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"- {line}" for line in lines)] if lines else []
