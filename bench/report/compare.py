"""python -m bench compare OLD.json NEW.json: what became faster or slower beyond noise, and which answers changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure.intervals import Ratio, unpaired_ratio
from bench.report.tables import Table
from bench.schema.result import Result, Row, read_result
from runtime.command_line import Parser
from runtime.errors import UsageError

PROG = "python -m bench compare"


@dataclass(frozen=True, slots=True)
class Change:
    """One figure that both results have.

    Attributes:
        system, figure: the system, and which of its figures.
        speed: the new speed as a multiple of the old; for times, old time / new time.
    """

    system: str
    figure: str
    speed: Ratio

    @property
    def loss(self) -> float:
        """The part of the speed that was lost beyond noise, 0 to 1."""
        return 1 - self.speed.value if self.speed.verdict == "slower" else 0.0


def main(arguments: Sequence[str]) -> int:
    """Print the comparison; return 1 if a speed fell by more than the given percentage, beyond noise."""
    options = _parser().parse_args(arguments)
    old, new = read_result(options.old), read_result(options.new)
    changes = list(changes_between(old, new))
    if not changes:
        raise UsageError(str(options.new), f"shares no measured figure with {options.old}", "compare like with like")
    for line in warnings_for(old, new):
        print(f"note: {line}")
    print(table_of(changes).text())
    for line in answers_changed(old, new):
        print(line)
    worst = [change for change in changes if change.loss > options.fail_above]
    for change in worst:
        print(f"REGRESSION: {change.system}, {change.figure}: {change.loss:.1%} slower")
    return 1 if worst else 0


def changes_between(old: Result, new: Result) -> Iterator[Change]:
    """Yield every speed that both results measured on the same texts."""
    # Speeds on other texts are speeds of something else.
    same = {one.name for one in new.workloads if (was := old.workload(one.name)) and was.sha256 == one.sha256}
    before = {row.name: row for row in old.rows}
    for row in new.rows:
        if row.name in before:
            yield from _changes(before[row.name], row, same)


def warnings_for(old: Result, new: Result) -> list[str]:
    """Return why the two results may not be comparable."""
    said = []
    keys = ("cpu", "flags", "cores_usable", "governor")
    said += [f"the two ran on different machines ({name})" for name in keys if old.machine[name] != new.machine[name]]
    if old.threads != new.threads:
        said.append(f"{old.threads} threads then, {new.threads} now")
    for one in new.workloads:
        before = old.workload(one.name)
        if before and before.sha256 != one.sha256:
            said.append(f"{one.name}: other texts, not compared")
        for precision in one.rooflines if before else ():
            if before and precision in before.rooflines:
                ratio = one.rooflines[precision].median / before.rooflines[precision].median
                said.append(f"{one.name}: the machine's own {precision} rate is {ratio:.3f} of what it was")
    return said


def answers_changed(old: Result, new: Result) -> list[str]:
    """Return the rows whose accuracy changed, and the rows that only one result has."""
    before = {row.name: row for row in old.rows}
    said = []
    for row in new.rows:
        was = before.pop(row.name, None)
        if was is None or was.status != row.status:
            said.append(f"{row.name}: {was.status if was else 'absent'} then, {row.status} now")
            continue
        for right in row.accuracy:
            earlier = was.accuracy_on(right.workload)
            if earlier and earlier != right:
                then, now = (_accuracy(one.f1, one.changed_per_10k) for one in (earlier, right))
                said.append(f"{row.name}, {right.workload}: {then} then, {now} now")
    return [*said, *(f"{name}: {row.status} then, absent now" for name, row in before.items())]


def table_of(changes: Sequence[Change]) -> Table:
    """Return a table with one row for each change."""
    rows = [
        (
            one.system,
            one.figure,
            f"{one.speed.value:.3f} [{one.speed.low:.3f}, {one.speed.high:.3f}]",
            one.speed.verdict,
        )
        for one in changes
    ]
    return Table(("system", "figure", "speed, new / old [95%]", "verdict"), tuple(rows))


def _changes(old: Row, new: Row, same: set[str]) -> Iterator[Change]:
    for found in new.throughput:
        before = old.on(found.workload)
        if before and found.workload in same and found.seconds and before.seconds:
            # Two benchmarks may repeat the texts differently often in a run; passes over the texts are compared.
            now, then = ([one.repeats / seconds for seconds in one.seconds] for one in (found, before))
            yield Change(new.name, f"throughput, {found.workload}", unpaired_ratio(now, then))
    for single in new.latency:
        earlier = next((one for one in old.latency if one.texts == single.texts), None)
        if earlier:
            now, then = ([1 / _middle(calls) for calls in one.rounds] for one in (single, earlier))
            yield Change(new.name, f"latency p50, {single.texts}", unpaired_ratio(now, then))
    if new.cold_seconds and old.cold_seconds:
        now, then = ([1 / seconds for seconds in one.cold_seconds] for one in (new, old))
        yield Change(new.name, "cold start", unpaired_ratio(now, then))


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _accuracy(f1: float | None, changed: float | None) -> str:
    return f"F1 {'-' if f1 is None else f'{f1:.4f}'}, changed {'-' if changed is None else f'{changed:.1f}'}"


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="What became faster or slower beyond noise.")
    parser.add_argument("old", type=Path, help="JSON of the earlier run")
    parser.add_argument("new", type=Path, help="JSON of the later run")
    parser.add_argument(
        "--fail-above", type=_percent, default=float("inf"), metavar="PERCENT",
        help="exit status 1 if a speed fell by more than this, such as 5%%, beyond noise",
    )  # fmt: skip
    return parser


def _percent(text: str) -> float:
    # "5" and "5%" mean the same here.
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%?", text)
    if not match:
        raise UsageError("--fail-above", repr(text), "give a percentage such as 5%")
    return float(match[1]) / 100
