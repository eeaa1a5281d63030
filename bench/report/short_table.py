"""The short tables of the README: Nerve's best candidates and what people use today, one row each.

One table is of many texts, with accuracy; the other of one text at a time.
"""

from __future__ import annotations

from bench.report.tables import NONE, Table, figure
from bench.report.verdict import backend_of
from bench.schema.result import Result, Row

_HEADER = ("system", "precision", "{unit}/s", "times the baseline", "F1", "changed in 10,000", "one text, p50 ms")
# What a reader may use today: the fastest of each of these gets a row.
_FAMILIES = ("ctranslate2-", "optimum-", "pipeline-")
# For one text at a time, the libraries alone count, too.
_ONE_TEXT_FAMILIES = ("onnxruntime-", "openvino-", *_FAMILIES)


def short_table(result: Result) -> Table:
    """Return the table, the fastest first, with the baseline: what the other speeds are told as multiples of."""
    main = result.workloads[0].name
    rows = [row for row in result.rows if row.status == "measured" and row.on(main)]
    ours = [row for row in rows if row.group == "nerve"]
    # Whoever wants no label changed at all takes fp32.
    exact = [row for row in ours if row.precision == "fp32"]
    families = [[row for row in rows if row.name.startswith(family)] for family in _FAMILIES]
    baseline = [row for row in rows if row.name == result.workloads[0].baseline]
    chosen = [max(group, key=lambda row: _speed(row, main)) for group in (ours, exact, *families, baseline) if group]
    unique = {row.name: row for row in chosen}
    order = sorted(unique.values(), key=lambda row: -_speed(row, main))
    header = tuple(name.format(unit=main) for name in _HEADER)
    return Table(header, tuple(_row(row, main, result.workloads[0].baseline) for row in order))


def rows_for_one_text(result: Result) -> list[Row]:
    """Return the rows of the table of one text at a time, the fastest first: see short_table, by another speed."""
    rows = [row for row in result.rows if row.status == "measured" and row.latency]
    ours = [row for row in rows if row.group == "nerve"]
    exact = [row for row in ours if row.precision == "fp32"]
    families = [[row for row in rows if row.name.startswith(family)] for family in _ONE_TEXT_FAMILIES]
    chosen = {row.name: row for group in (ours, exact, *families) if group for row in [min(group, key=_p50)]}
    return sorted(chosen.values(), key=_p50)


def one_text_table(result: Result) -> Table:
    """Return the milliseconds of one text at a time."""
    rows = []
    for row in rows_for_one_text(result):
        one = row.latency[0]
        times = (f"{value:.2f}" for value in (one.p50, one.p90, one.p99))
        rows.append((_name(row), row.precision, *times, f"{one.p99 / one.p50:.1f}"))
    return Table(("one text at a time, ms", "precision", "p50", "p90", "p99", "p99 / p50"), tuple(rows))


def _p50(row: Row) -> float:
    return row.latency[0].p50


def _name(row: Row) -> str:
    return f"**Nerve**, {backend_of(row)}" if row.group == "nerve" else row.title


def _speed(row: Row, workload: str) -> float:
    found = row.on(workload)
    return found.texts_per_second if found else 0.0


def _row(row: Row, workload: str, baseline: str) -> tuple[str, ...]:
    found, right = row.on(workload), row.accuracy_on(workload)
    ratio = found.to_baseline if found else None
    times = "1.0" if row.name == baseline else figure(ratio.value if ratio else None, ".1f")
    return (
        _name(row),
        row.precision,
        figure(_speed(row, workload), ",.0f"),
        times,
        figure(right.f1 if right else None, ".4f"),
        figure(right.changed_per_10k if right else None, ".1f"),
        f"{row.latency[0].p50:.2f}" if row.latency else NONE,
    )
