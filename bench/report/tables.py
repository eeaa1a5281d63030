"""Tables of a result, and the sentences that may be read from them. Pure; the same cells serve every report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.measure.intervals import Ratio
from bench.measure.machine import arithmetic_flags
from bench.schema.result import Measured, Result, Row

NONE = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text. The first column is text, the others are figures; a row of one cell more ends in a remark."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """For a terminal: columns aligned."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows)]
        lines = (self._line(row, widths) for row in (self.header, *self.rows))
        return "\n".join(line.rstrip() for line in lines)

    def markdown(self) -> str:
        """For a README."""
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows))

    @staticmethod
    def _line(row: Sequence[str], widths: Sequence[int]) -> str:
        return "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])


SPEED_HEADER = (
    *("system", "precision", "texts/s", "tokens/s", "x baseline [95%]", "Nerve x this [95%]"),
    *("of roofline", "F1", "changed/10k", "by backend/10k", "remark"),
)
COST_HEADER = (
    *("system", "precision", "p50 ms", "p90 ms", "p99 ms", "cold s", "peak MiB", "disk MiB", "padding"),
    "batch x streams x threads",
)


def speed_table(result: Result, workload: Measured) -> Table:
    """Throughput with accuracy in the same row; who was not measured, and why."""
    rows = [_speed_row(row, workload) for row in result.rows if row.on(workload.name) or row.status != "measured"]
    return Table(SPEED_HEADER, tuple(rows))


def cost_table(result: Result) -> Table:
    """Latency of one sentence, cold start, memory, disk, padding, and the setting that was chosen."""
    return Table(COST_HEADER, tuple(_cost_row(row) for row in result.rows if row.status == "measured"))


def reading(result: Result) -> list[str]:
    """What the intervals allow to be said of Nerve's fastest candidate, workload by workload."""
    said = [f"{one.name}: {_reading(result, one)}" for one in result.workloads if one.fastest_nerve]
    known = [(one.name, one.checkpoint.f1) for one in result.workloads if one.checkpoint and one.checkpoint.f1]
    return [*said, *(f"{name}: the checkpoint itself, given the corpus's words, has F1 {f1:.4f}" for name, f1 in known)]


def card_lines(result: Result) -> list[str]:
    """The machine and what ran on it, in a few lines."""
    machine = result.machine
    memory = machine["memory_bytes"] / 2**30
    commit = machine["commit"][:12] + (" with changes" if machine["commit_changed"] else "")
    libraries = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    roofline_runner = [
        f"{name} {one.median / 1e9:,.0f}"
        for workload in result.workloads[:1]
        for name, one in workload.rooflines.items()
    ]
    return [
        f"- Processor: {machine['cpu']}, {machine['cores']} cores, {result.threads} used; {memory:.0f} GiB"
        + ("; a virtual machine" if machine["virtual"] else ""),
        f"- Flags: {' '.join(arithmetic_flags(machine))}",
        f"- Governor: {machine['governor']}; load average before {_load(machine['load_average'])}, "
        f"after {_load(machine['load_average_after'])}; GPU: {', '.join(machine['gpu']) or 'none'}",
        f"- Matrix products, G operations a second: {', '.join(roofline_runner) or 'not measured'}",
        f"- Python {machine['python']}, {libraries}",
        f"- Commit {commit}; bundle {result.bundle['manifest_sha256'][:12]}; checkpoint {result.checkpoint['name']} "
        f"{result.checkpoint['sha256'][:12]} ({result.checkpoint['architecture']})",
        f"- Run: {'quick' if result.quick else 'full'}, {result.seconds / 60:.1f} minutes",
        *(
            f"- Workload {one.name}: {one.texts:,} texts, sha256 {one.sha256[:12]}, seed {one.seed}"
            for one in result.workloads
        ),
    ]


def remark(row: Row) -> str:
    """Why a row is not measured, or what a reader must know of it."""
    return "; ".join([f"{row.status}: {row.reason}"] if row.status != "measured" else row.flags)


def _speed_row(row: Row, workload: Measured) -> tuple[str, ...]:
    found, right = row.on(workload.name), row.accuracy_on(workload.name)
    if found is None:
        return (row.name, row.precision, *[NONE] * (len(SPEED_HEADER) - 3), remark(row) or NONE)
    return (
        row.name,
        row.precision,
        f"{found.texts_per_second:,.1f}",
        f"{found.tokens_per_second:,.0f}",
        NONE if row.name == workload.baseline else _ratio(found.to_baseline),
        NONE if row.name == workload.fastest_nerve else _ratio(found.nerve_to_this),
        NONE if found.share_of_roofline is None else f"{found.share_of_roofline:.1%}",
        _figure(right.f1 if right else None, ".4f"),
        _figure(right.changed_per_10k if right else None, ".1f"),
        _figure(right.backend_changed_per_10k if right else None, ".1f"),
        remark(row) or NONE,
    )


def _cost_row(row: Row) -> tuple[str, ...]:
    single = row.latency[0] if row.latency else None
    setting = row.throughput[0].setting if row.throughput else []
    # Our batches are the runtime's own business: nothing was searched.
    shown = " x ".join(map(str, setting)) if row.group == "baseline" else "as Tagger.open chooses"
    return (
        row.name,
        row.precision,
        *([f"{value:.2f}" for value in (single.p50, single.p90, single.p99)] if single else [NONE] * 3),
        f"{median(row.cold_seconds):.2f}" if row.cold_seconds else NONE,
        f"{row.peak_bytes / 2**20:,.0f}" if row.peak_bytes else NONE,
        f"{row.disk_bytes / 2**20:,.1f}" if row.disk_bytes else NONE,
        NONE if row.padding_share is None else f"{row.padding_share:.1%}",
        shown,
    )


def _reading(result: Result, workload: Measured) -> str:
    verdicts: dict[str, list[str]] = {"faster": [], "slower": [], "no difference shown": []}
    for row in result.rows:
        found = row.on(workload.name)
        if found and found.nerve_to_this and row.name != workload.fastest_nerve:
            verdicts[found.nerve_to_this.verdict].append(f"{row.name} ({_ratio(found.nerve_to_this)})")
    words = {
        "faster": "is faster than",
        "slower": "is slower than",
        "no difference shown": "is not shown to differ from",
    }
    said = [f"{words[verdict]} {', '.join(names)}" for verdict, names in verdicts.items() if names]
    return f"{workload.fastest_nerve} {'; '.join(said) or 'ran alone'}"


def _figure(value: float | None, form: str) -> str:
    return NONE if value is None else format(value, form)


def _ratio(ratio: Ratio | None) -> str:
    return NONE if ratio is None else f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _load(averages: Sequence[float]) -> str:
    return " ".join(f"{one:.2f}" for one in averages) or "unknown"
