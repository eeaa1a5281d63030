"""One stand-alone HTML page: tables, pictures, machine, method. No script, nothing to load, fit for paper."""

from __future__ import annotations

from html import escape

from bench.report import pictures as picture
from bench.report.tables import Table, card_lines, cost_table, reading, speed_table
from bench.schema.result import Result, Row
from bench.systems.nerve import STAGES

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #111; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: 3px 7px; border-bottom: 1px solid #ccc; text-align: right; vertical-align: top; }
th:first-child, td:first-child, td.remark { text-align: left; }
td { white-space: nowrap; } td.remark { white-space: normal; }
tr.nerve td:first-child { font-weight: 600; color: #0b4fa8; }
tr.out td { color: #777; }
svg { width: 100%; height: auto; font-family: system-ui, sans-serif; }
figure { margin: 1rem 0; break-inside: avoid; } figcaption { color: #444; font-size: 13px; }
.wide { overflow-x: auto; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } table { font-size: 9px; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; } .wide { overflow: visible; } }
"""
_STAGE_COLOURS = dict(zip(STAGES, ("#9ecae1", "#fdd0a2", "#3182bd", "#c7e9c0")))


def page_of(result: Result) -> str:
    """The page."""
    title = f"Benchmark of {result.made}"
    body = [f"<h1>{escape(title)}</h1>", _list(reading(result)), *_tables(result), *_pictures(result)]
    body += ["<h2>Machine and subject</h2>", _list([line.removeprefix("- ") for line in card_lines(result)])]
    body += ["<h2>How it was measured</h2>", _list(result.method)]
    if result.notes:
        body += ["<h2>Notes</h2>", _list(result.notes)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(body)
        + ("\n</body></html>\n")
    )


def _tables(result: Result) -> list[str]:
    parts = []
    for one in result.workloads:
        parts.append(f"<h2>{escape(one.name)}: {one.texts:,} texts, {one.tokens:,} tokens</h2>")
        parts.append(_table(result, speed_table(result, one)))
    return [*parts, "<h2>Latency and cost</h2>", _table(result, cost_table(result))]


def _pictures(result: Result) -> list[str]:
    measured = [row for row in result.rows if row.status == "measured"]
    styles = picture.marks([row.name for row in result.rows], lambda name: name in _ours(result))
    found = [
        _figure("Speed against F1", _pareto(result, measured, styles),
                "Right and up is better. The line joins systems that no other beats in both."),
        _figure("Latency over load", _load(measured, styles),
                "99th percentile from due to answered, Poisson arrivals; a line ends where the queue grew."),
        _figure("Where the time goes", _split(measured), "Share of the time of one watched pass over the sentences."),
        _figure("Share of the machine's limit", _share(result, measured, styles),
                "Of the fastest matrix product in the same precision, timed in the same rounds."),
    ]  # fmt: skip
    for row in measured:
        if row.heat is not None:
            drawn = picture.heat_map(
                row.heat.words, row.heat.batches, row.heat.tokens_per_second, x="texts of a call", y="words"
            )
            found.append(
                _figure(
                    f"Tokens a second over batch and length: {row.name}",
                    drawn,
                    "Darker is faster; -: too slow to wait for.",
                )
            )
    return [one for one in found if one]


def _ours(result: Result) -> set[str]:
    return {row.name for row in result.rows if row.group == "nerve"}


def _pareto(result: Result, rows: list[Row], styles: dict[str, picture.Mark]) -> str:
    main = result.workloads[0].name
    points = {}
    for row in rows:
        speed, right = row.on(main), row.accuracy_on(main)
        if speed and right and right.f1 is not None:
            points[row.name] = (speed.texts_per_second, right.f1)
    best, front = -1.0, []
    for name, (_, f1) in sorted(points.items(), key=lambda one: (-one[1][0], -one[1][1])):
        if f1 > best:
            front.append(name)
            best = f1
    return picture.scatter(points, styles, x="texts a second", y="entity F1", front=front[::-1])


def _load(rows: list[Row], styles: dict[str, picture.Mark]) -> str:
    series = {row.name: [(one.rate, one.p99) for one in row.load] for row in rows}
    return picture.lines(series, styles, x="arrivals a second", y="p99, ms")


def _split(rows: list[Row]) -> str:
    return picture.stacked({row.name: row.split for row in rows if row.split}, _STAGE_COLOURS)


def _share(result: Result, rows: list[Row], styles: dict[str, picture.Mark]) -> str:
    main = result.workloads[0].name
    shares = {
        row.name: one.share_of_roofline for row in rows if (one := row.on(main)) and one.share_of_roofline is not None
    }
    return picture.bars(shares, styles, show=lambda value: f"{value:.1%}", most=max([1.0, *shares.values()]))


def _figure(title: str, drawn: str, caption: str) -> str:
    if not drawn:
        return ""
    return f"<h2>{escape(title)}</h2>\n<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(result: Result, table: Table) -> str:
    status = {row.name: ("out" if row.status != "measured" else row.group) for row in result.rows}
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    lines = []
    for row in table.rows:
        cells = "".join(f"<td{_remark(table, column)}>{escape(cell)}</td>" for column, cell in enumerate(row))
        lines.append(f'<tr class="{status[row[0]]}">{cells}</tr>')
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _remark(table: Table, column: int) -> str:
    return ' class="remark"' if table.header[column] == "remark" else ""


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
