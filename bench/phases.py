"""The phases of a run, each over all contestants: search, throughput, latency, load, split, memory, heat map."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.measure import jobs
from bench.measure import roofline as limit
from bench.measure.intervals import paired_ratio
from bench.measure.open_loop import poisson
from bench.measure.process import Place
from bench.measure.rounds import MeasuredSystem, disk_bytes, each, interleave, repeats_for
from bench.plan import SEED, Plan
from bench.schema.result import Heat, Latency, Load, Measured, Roofline, Throughput
from bench.systems.base import Failure, Setting
from bench.workloads.answers import Expected, accuracy, flags
from bench.workloads.texts import Workload

LIMIT = "limit"
# Peer that others are held against if it ran: what most people use today.
BASELINE = "pipeline-fp32"
_WARM_UP_CALLS = 3
# The last tenth of arrivals waited longer than this share of the whole run: the queue was growing.
_SATURATED = 0.5
_LIMIT_SECONDS = 0.25
Counted = Callable[[Workload], int]


def prepare(measured_system: MeasuredSystem) -> None:
    """Make the files that it runs on, in a process that is ended afterwards; note their size."""
    measured_system.ask(jobs.prepare, measured_system.spec.prepare)
    measured_system.leave()
    measured_system.row.disk_bytes = disk_bytes(measured_system.spec.files)


def cold_start(
    measured_system: MeasuredSystem, text: str, times: int, clock: Callable[[], float] = time.perf_counter
) -> None:
    """Seconds from starting a process to its first answer. The last process stays."""
    for _ in range(times):
        measured_system.leave()
        begun = clock()
        measured_system.open(measured_system.spec.settings[0])
        measured_system.ask(jobs.answers, [text])
        measured_system.row.cold_seconds.append(clock() - begun)


def search(measured_system: MeasuredSystem, workload: Workload) -> Throughput:
    """Try every setting once, after a warm-up, and keep the fastest; what was tried stays in the record."""
    tried: list[tuple[float, Setting]] = []
    if len(measured_system.spec.settings) > 1:
        for setting in measured_system.spec.settings:
            measured_system.open(setting)
            measured_system.ask(jobs.answers, workload.raw[:4])
            seconds = measured_system.ask(jobs.timed, workload.raw, 1)
            tried.append((len(workload.texts) / seconds, setting))
    best = max(tried, key=lambda one: one[0])[1] if tried else measured_system.spec.settings[0]
    measured_system.setting = best
    record = [[one.batch, one.streams, one.threads, rate] for rate, one in tried]
    return Throughput(workload.name, [best.batch, best.streams, best.threads], record, 1, [], 0.0, 0.0)


def score(
    measured_system: MeasuredSystem,
    workload: Workload,
    expected: Expected,
    labels: Sequence[str],
) -> None:
    """Hold its answers against gold and the checkpoint; say in its row what a reader must know.

    The baseline's answers are the checkpoint's in fp32, cut as the pipeline cuts; the other pipelines are its twins.
    """
    spans = measured_system.ask(jobs.answers, workload.raw)
    if len(spans) != len(workload.texts):
        raise Failure(f"{len(spans)} answers for {len(workload.texts)} texts")
    spec = measured_system.spec
    found = accuracy(workload, spans, expected, labels, same_model=spec.same_model, cut=spec.cut)
    if spec.name == BASELINE:
        expected.twins["pipeline"] = spans
    measured_system.row.accuracy.append(found)
    measured_system.row.flags += [one for one in flags(found) if one not in measured_system.row.flags]


def throughput(
    measured_systems: Sequence[MeasuredSystem],
    found: Mapping[str, Throughput],
    workload: Workload,
    measured: Measured,
    limits: Place | None,
    plan: Plan,
    *,
    rounds: int,
) -> None:
    """Time every contestant that is open, in interleaved rounds with the machine's limit; fill rows and `measured`."""
    by_name = {one.name: one for one in measured_systems if one.running}
    raw = workload.raw

    def calibrate(one: MeasuredSystem) -> None:
        seconds = one.ask(jobs.timed, raw, 1)  # the warm-up, too
        found[one.name].repeats = repeats_for(seconds, at_least=plan.run_seconds)

    each(by_name.values(), calibrate)
    runs: dict[str, Callable[[], float | dict[str, float]]] = {
        name: functools.partial(one.ask, jobs.timed, raw, found[name].repeats)
        for name, one in by_name.items()
        if one.running
    }
    if limits is not None:
        runs[LIMIT] = functools.partial(limits.call, limit.rates, _LIMIT_SECONDS)
    given = interleave(runs, rounds=rounds, failed=lambda name, failure: None)
    rates = [one for one in given.pop(LIMIT, []) if isinstance(one, dict)]
    if limits is not None and rates:
        library, shapes = limits.call(limit.describe)
        measured.limits = {name: _limit(library, shapes[name], [one[name] for one in rates]) for name in shapes}
    for name, seconds in given.items():
        found[name].workload = measured.name
        record(found[name], [float(one) for one in seconds if not isinstance(one, dict)], measured)
        share(found[name], by_name[name].spec.precision, measured)
        by_name[name].row.throughput.append(found[name])
    compare(measured_systems, measured)


def record(one: Throughput, seconds: list[float], measured: Measured) -> None:
    """Derive speeds from the seconds of turns."""
    one.seconds = seconds
    median = float(np.median(seconds)) / one.repeats
    one.texts_per_second = measured.texts / median
    one.tokens_per_second = measured.tokens / median


def share(one: Throughput, precision: str, measured: Measured) -> None:
    """Which part of the machine's matrix-product rate it reached, in its own precision."""
    known = measured.limits.get(precision)
    if known and measured.flops_per_token:
        one.share_of_roofline = one.tokens_per_second * measured.flops_per_token / known.median


def compare(measured_systems: Sequence[MeasuredSystem], measured: Measured) -> None:
    """Ratios to the baseline, and of Nerve's fastest to each, from speeds of the same rounds."""
    speeds = {
        one.name: [found.repeats / seconds for seconds in found.seconds]
        for one in measured_systems
        if one.running and (found := one.row.on(measured.name))
    }
    baselines = [one.name for one in measured_systems if one.name in speeds and one.spec.group == "peer"]
    ours = [one.name for one in measured_systems if one.name in speeds and one.spec.group == "nerve"]
    if not speeds:
        return
    measured.baseline = BASELINE if BASELINE in speeds else next(iter([*baselines, *ours]))
    measured.fastest_nerve = max(ours, key=lambda name: float(np.median(speeds[name])), default="")
    for one in measured_systems:
        found = one.row.on(measured.name)
        if one.name not in speeds or found is None:
            continue
        found.to_baseline = paired_ratio(speeds[one.name], speeds[measured.baseline])
        if measured.fastest_nerve:
            found.nerve_to_this = paired_ratio(speeds[measured.fastest_nerve], speeds[one.name])


def latency(measured_systems: Sequence[MeasuredSystem], workload: Workload, *, rounds: int) -> None:
    """One text at a time, interleaved: each round gives every contestant the same share of the texts."""
    raw = workload.raw
    size = len(raw) // rounds
    by_name = {one.name: one for one in measured_systems if one.running}
    each(by_name.values(), lambda one: one.ask(jobs.calls, raw[:_WARM_UP_CALLS]))
    taken = dict.fromkeys(by_name, 0)

    def run_(name: str) -> list[float]:
        first = size * taken[name]
        taken[name] += 1
        return [1000 * seconds for seconds in by_name[name].ask(jobs.calls, raw[first : first + size])]

    runs = {name: functools.partial(run_, name) for name, one in by_name.items() if one.running}
    for name, calls in interleave(runs, rounds=rounds, failed=lambda name, failure: None).items():
        p50, p90, p99 = percentiles([value for part in calls for value in part])
        by_name[name].row.latency.append(Latency(workload.name, calls, p50, p90, p99))


def load(measured_system: MeasuredSystem, workload: Workload, plan: Plan) -> None:
    """The open loop at rising rates, the same arrivals for all; it ends at the first rate that saturates."""
    for rate in plan.rates:
        due = poisson(rate, plan.load_seconds, seed=SEED)
        if not due:
            continue
        batch = max(1, measured_system.setting.batch)
        waits = [1000 * seconds for seconds in measured_system.ask(jobs.load, workload.raw, due, batch)]
        late = float(np.median(waits[-max(1, len(waits) // 10) :])) > 1000 * _SATURATED * plan.load_seconds
        measured_system.row.load.append(Load(rate, len(due), *percentiles(waits), late))
        if late:
            return


def look_inside(measured_system: MeasuredSystem, workload: Workload) -> None:
    """Where its time goes, and how much of its batches is padding."""
    split = measured_system.ask(jobs.split, workload.raw)
    measured_system.row.split = split.stages
    measured_system.row.padding_share = 1 - split.filled / split.slots if split.slots else None


def peak_memory(measured_system: MeasuredSystem) -> None:
    """The most memory its process held so far."""
    measured_system.row.peak_bytes = measured_system.ask(jobs.peak_bytes)


def heat(measured_system: MeasuredSystem, texts: Callable[[int, int], Workload], count: Counted, plan: Plan) -> None:
    """Tokens a second over words of a text and texts of a call; token slots that would take too long stay empty."""
    known = measured_system.row.throughput[0].tokens_per_second
    table: list[list[float | None]] = []
    for words in plan.heat_words:
        line: list[float | None] = []
        for batch in plan.heat_batches:
            workload = texts(words, batch)
            tokens = count(workload)
            if tokens / known > plan.heat_seconds:
                line.append(None)
                continue
            first = measured_system.ask(jobs.timed, workload.raw, 1)
            repeats = repeats_for(first, at_least=plan.run_seconds / 2)
            line.append(tokens * repeats / measured_system.ask(jobs.timed, workload.raw, repeats))
        table.append(line)
    measured_system.row.heat = Heat(list(plan.heat_words), list(plan.heat_batches), table)


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """p50, p90 and p99: the smallest value that so many of all values do not exceed."""
    p50, p90, p99 = np.quantile(values, [0.5, 0.9, 0.99], method="inverted_cdf").tolist()
    return p50, p90, p99


def _limit(library: str, shape: tuple[int, int, int], rates: list[float]) -> Roofline:
    return Roofline(list(shape), library, rates, float(np.median(rates)))
