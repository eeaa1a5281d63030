"""One stand-alone HTML page: verdict and picture first, then tables and pictures, machine and method last.

There is no script and nothing to load. The page follows the reader's light or dark mode, and prints well.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from bench.report.figures import Picture, other_pictures, speed_picture
from bench.report.machine_lines import machine_lines
from bench.report.pictures import Mode, can_draw
from bench.report.tables import Table, tables_of
from bench.report.verdict import reading, verdict
from bench.schema.result import Result

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --page: #fff; --line: #d0d7de; --ours: #0b4fa8; --faint: #656d76; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --page: #0d1117; --line: #30363d; --ours: #79b8ff; --faint: #8d96a0; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 76rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.verdict { font-size: 1.3rem; line-height: 1.35; max-width: 50rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 9px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
td { white-space: nowrap; }
tr.nerve td:first-child { font-weight: 600; color: var(--ours); }
tr.out td, .notes, figcaption, .made { color: var(--faint); }
.notes, figcaption { font-size: 13px; } .notes { padding-left: 1.4rem; }
figure { margin: 1rem 0; break-inside: avoid; } img { width: 100%; max-width: 62rem; height: auto; }
.wide { overflow-x: auto; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } table { font-size: 9px; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } .wide { overflow: visible; } }
"""


def page_of(result: Result) -> str:
    """Return the page."""
    title = f"Benchmark of {result.made}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    first, others = (speed_picture(result), other_pictures(result)) if can_draw() else ([], [])
    # A page without pictures says why it has none.
    notes = [*result.notes, *([] if can_draw() else ["pictures are missing, because matplotlib is not installed"])]
    body = [
        f'<h1>{escape(title)}</h1>\n<p class="verdict">{escape(verdict(result))}</p>',
        *map(_figure, first),
        *(_table_section(result, title, table, others) for title, table in tables_of(result)),
        *(_section(one.title, _figure(one)) for one in others if one.title not in dict(tables_of(result))),
        _list_section("What the intervals show", reading(result)),
        _list_section("Notes", notes),
        _list_section("How it was measured", result.method),
        _list_section("Machine", machine_lines(result)),
    ]
    style = f"<style>{_STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}{style}</head>\n<body>\n{"".join(body)}</body></html>\n'


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}"


def _table_section(result: Result, title: str, table: Table, pictures: Sequence[Picture]) -> str:
    """Return a table, and below it the picture of the same title."""
    beside = "".join(_figure(one) for one in pictures if one.title == title)
    return _section(title, _table(result, table) + beside)


def _list_section(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return _section(title, f"<ul>{items}</ul>\n") if lines else ""


def _figure(picture: Picture) -> str:
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="{_data(picture, "dark")}">'
    light = f'<img alt="{escape(picture.title)}" src="{_data(picture, "light")}">'
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>"
    return f"<figure><picture>{dark}{light}</picture>{caption}</figure>\n"


def _data(picture: Picture, mode: Mode) -> str:
    """Return the picture as a data address. Inline, the ids of two pictures would meet."""
    return "data:image/svg+xml;base64," + base64.b64encode(picture.draw(mode)).decode()


def _table(result: Result, table: Table) -> str:
    kinds = {row.name: ("out" if row.status != "measured" else row.group) for row in result.rows}
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    lines = []
    for row in table.rows:
        # Numbers refer to the list below the table, as in a printed page.
        numbers = "".join(f" <sup>{number}</sup>" for number in table.numbers(row[0]))
        cells = f"<td>{escape(row[0])}{numbers}</td>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        lines.append(f'<tr class="{kinds.get(row[0], "")}">{cells}</tr>')
    notes = "".join(f"<li>{escape(text)}</li>" for _, text in table.footnotes())
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="wide">{body}</div>\n' + (f'<ol class="notes">{notes}</ol>\n' if notes else "")
