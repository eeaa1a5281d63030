"""A result to its reports: the JSON, Markdown and HTML, written beside each other; and the tables on the terminal."""

from __future__ import annotations

from pathlib import Path

from bench.report.html_page import page_of
from bench.report.tables import Table, card_lines, cost_table, reading, speed_table
from bench.schema.result import Result, write_result
from runtime.errors import storage_error
from runtime.system.files import write_atomically

NAMES = ("result.json", "result.md", "result.html")


def write_reports(result: Result, folder: Path) -> Path:
    """Print the tables, write the three files, and return the JSON's path.

    Raises:
        StorageError: no permission, or no space.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error) from error
    data, markdown, page = (folder / name for name in NAMES)
    write_result(data, result)
    write_atomically(markdown, markdown_of(result).encode())
    write_atomically(page, page_of(result).encode())
    print(terminal_of(result))
    return data


def terminal_of(result: Result) -> str:
    """The tables, and what they do and do not show."""
    parts = []
    for title, table in tables_of(result):
        parts += ["", title, table.text()]
    return "\n".join([*parts, "", *reading(result), *(f"note: {note}" for note in result.notes)])


def markdown_of(result: Result) -> str:
    """The whole report but its pictures."""
    lines = [f"# Benchmark of {result.made}", "", *card_lines(result), ""]
    for title, table in tables_of(result):
        lines += [f"## {title}", "", table.markdown(), ""]
    lines += ["## What this shows", "", *(f"- {line}" for line in reading(result)), ""]
    lines += ["## How it was measured", "", *(f"- {line}" for line in result.method), ""]
    if result.notes:
        lines += ["## Notes", "", *(f"- {note}" for note in result.notes), ""]
    return "\n".join(lines)


def tables_of(result: Result) -> list[tuple[str, Table]]:
    """A table of speeds for each workload, and one of what else it costs."""
    tables = [
        (f"{one.name}: {one.texts:,} texts, {one.tokens:,} tokens", speed_table(result, one))
        for one in result.workloads
    ]
    return [*tables, ("Latency and cost", cost_table(result))]
