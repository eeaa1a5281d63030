"""The tables of a result. Pure functions; the same fields serve every report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.measure.intervals import Ratio
from bench.report.verdict import ratio_text
from bench.schema.result import Latency, Measured, Result, Row
from bench.workloads.answers import flags

NONE = "-"
# The title of the table and of the picture that shows the same.
ONE_TEXT = "One text at a time, milliseconds"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text. The first column is text, the others are figures.

    Attributes:
        header: names of the columns.
        rows: as many fields each.
        remarks: what is said below the table, by the first field of the row that it is about.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """Return it for a terminal: columns aligned, remarks below."""
        rows = [self._numbered(row) for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.header, *rows)]
        lines = [self._line(row, widths).rstrip() for row in (self.header, *rows)]
        return "\n".join([*lines, *(f"[{number}] {text}" for number, text in self.footnotes())])

    def markdown(self) -> str:
        """Return it as Markdown, remarks below."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        rows = (self.header, rule, *map(self._numbered, self.rows))
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        notes = "\n".join(f"- [{number}] {text}" for number, text in self.footnotes())
        return f"{table}\n\n{notes}" if notes else table

    def footnotes(self) -> list[tuple[int, str]]:
        """Return the number and text of each remark."""
        return [(number, f"{name}: {text}") for number, (name, text) in enumerate(self.remarks, start=1)]

    def numbers(self, name: str) -> list[int]:
        """Return the numbers of the remarks about the row of that name."""
        return [number for number, (about, _) in enumerate(self.remarks, start=1) if about == name]

    def _numbered(self, row: tuple[str, ...]) -> tuple[str, ...]:
        return (" ".join([row[0], *(f"[{number}]" for number in self.numbers(row[0]))]), *row[1:])

    @staticmethod
    def _line(row: Sequence[str], widths: Sequence[int]) -> str:
        return "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])


SPEED_HEADER = (
    *("system", "precision", "texts/s", "tokens/s", "x baseline [95%]", "Nerve x this [95%]"),
    *("of roofline", "F1", "changed/10k", "by backend/10k"),
)
COST_HEADER = (
    *("system", "precision", "cold s", "peak MiB", "disk MiB", "padding"),
    "batch x streams x threads",
)


def tables_of(result: Result) -> list[tuple[str, Table]]:
    """Return all tables with their titles: steps, speeds on each workload, one text at a time, and costs."""
    steps = [("Steps", steps_table(result))] if result.checks else []
    speeds = [
        (f"{one.name}: {one.texts:,} texts, {one.tokens:,} tokens", speed_table(result, one))
        for one in result.workloads
    ]
    others = [(ONE_TEXT, latency_table(result)), ("Cost", cost_table(result))]
    return [*steps, *speeds, *((title, table) for title, table in others if table.rows)]


def steps_table(result: Result) -> Table:
    """Return the steps of a GPU check; what they found are the remarks."""
    rows = tuple((one.name, one.status, f"{one.seconds:.1f}") for one in result.checks)
    remarks = tuple((one.name, line) for one in result.checks for line in one.lines)
    return Table(("step", "status", "seconds"), rows, remarks)


def speed_table(result: Result, workload: Measured) -> Table:
    """Return throughput with accuracy in the same row. A system that was not measured has a remark that says why."""
    # Once is enough to say why a system was not measured.
    main = workload is result.workloads[0]
    shown = [row for row in result.rows if row.on(workload.name) or (main and row.status != "measured")]
    remarks = [(row.name, text) for row in shown for text in _remarks(row, workload)]
    return Table(SPEED_HEADER, tuple(_speed_row(row, workload) for row in shown), tuple(remarks))


def latency_table(result: Result) -> Table:
    """Return the latency of single texts: percentiles of sentences, and the median of each other kind."""
    rows = [row for row in result.rows if row.latency]
    kinds = list(dict.fromkeys(one.texts for row in rows for one in row.latency))
    # The first kind is the sentence, for which tails matter most; of the others, the median tells enough.
    first = [f"{kind} {name}" for kind in kinds[:1] for name in ("p50", "p90", "p99")]
    header = ("system", "precision", *first, *(f"{kind} p50" for kind in kinds[1:]))
    return Table(header, tuple(_latency_row(row, kinds) for row in rows))


def cost_table(result: Result) -> Table:
    """Return cold start, memory, disk, padding, and the setting that was chosen."""
    # Ways to read documents have no costs of their own: they are those of their candidate.
    rows = [row for row in result.rows if row.status == "measured" and (row.peak_bytes or row.cold_seconds)]
    return Table(COST_HEADER, tuple(map(_cost_row, rows)))


def _remarks(row: Row, workload: Measured) -> list[str]:
    if row.status != "measured":
        return [f"{row.status}: {row.reason}"]
    right = row.accuracy_on(workload.name)
    return [*(flags(right) if right else []), *row.incomplete]


def speed_cells(row: Row, workload: Measured) -> tuple[str, ...]:
    """Name, precision, and what was measured of a system's speed: texts/s, tokens/s, both ratios, share of roofline."""
    found = row.on(workload.name)
    if found is None:
        return (row.name, row.precision, *[NONE] * 5)
    return (
        row.name,
        row.precision,
        f"{found.texts_per_second:,.1f}",
        f"{found.tokens_per_second:,.0f}",
        NONE if row.name == workload.baseline else _ratio(found.to_baseline),
        NONE if row.name == workload.fastest_nerve else _ratio(found.nerve_to_this),
        figure(found.share_of_roofline, ".1%"),
    )


def _speed_row(row: Row, workload: Measured) -> tuple[str, ...]:
    right = row.accuracy_on(workload.name) if row.on(workload.name) else None
    return (
        *speed_cells(row, workload),
        figure(right.f1 if right else None, ".4f"),
        figure(right.changed_per_10k if right else None, ".1f"),
        figure(right.backend_changed_per_10k if right else None, ".1f"),
    )


def _latency_row(row: Row, kinds: Sequence[str]) -> tuple[str, ...]:
    by_kind: dict[str, Latency] = {one.texts: one for one in row.latency}
    first = by_kind.get(kinds[0])
    cells = [figure(value, ".2f") for value in ((first.p50, first.p90, first.p99) if first else (None,) * 3)]
    others = [figure(by_kind[kind].p50 if kind in by_kind else None, ".2f") for kind in kinds[1:]]
    return (row.name, row.precision, *cells, *others)


def _cost_row(row: Row) -> tuple[str, ...]:
    setting = row.throughput[0].setting if row.throughput else []
    # A Tagger chooses its batches itself: nothing was searched.
    shown = "as Tagger.open chooses" if row.group == "nerve" else " x ".join(map(str, setting))
    return (
        row.name,
        row.precision,
        f"{median(row.cold_seconds):.2f}" if row.cold_seconds else NONE,
        f"{row.peak_bytes / 2**20:,.0f}" if row.peak_bytes else NONE,
        f"{row.disk_bytes / 2**20:,.1f}" if row.disk_bytes else NONE,
        figure(row.padding_share, ".1%"),
        shown,
    )


def figure(value: float | None, form: str) -> str:
    """Return a figure in that format, and a dash where there is none."""
    return NONE if value is None else format(value, form)


def _ratio(ratio: Ratio | None) -> str:
    return NONE if ratio is None else ratio_text(ratio)
