"""The phases of a benchmark, each for one system or for all: search, accuracy, latency, load, memory, heat map.

Throughput has a module of its own, bench.speed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence

import numpy as np

from bench.measure import jobs
from bench.measure.rounds import MeasuredSystem, disk_bytes, each, interleave, repeats_for
from bench.plan import SEED, Plan
from bench.schema.result import Heat, Latency, Load, Throughput
from bench.speed import MAIN_BASELINES
from bench.systems.base import Failure, Setting
from bench.workloads.answers import Expected, accuracy, flags
from bench.workloads.texts import Workload
from export.tune.open_loop import poisson

# Before a turn of single texts. After them a call no longer takes longer for its place in the turn.
_WARM_UP_CALLS = 5
# Of a slow system in a round: fewer would say nothing of p90.
_LEAST_CALLS = 10
# If the last tenth of the arrivals waited longer than this share of the whole load, the queue was growing.
_SATURATED = 0.5
Counted = Callable[[Workload], int]


def prepare(system: MeasuredSystem) -> None:
    """Make the files that the system needs, in a process that is ended afterwards; note their size."""
    system.ask(jobs.prepare, system.spec.prepare)
    system.leave()
    system.row.disk_bytes = disk_bytes(system.spec.files)


def cold_start(system: MeasuredSystem, text: str, times: int, clock: Callable[[], float] = time.perf_counter) -> None:
    """Measure the seconds from starting a process to its first answer. The last process goes on running."""
    for _ in range(times):
        # A process that is running already would not be a cold start.
        system.leave()
        begun = clock()
        system.open(system.spec.settings[0])
        system.ask(jobs.answers, [text])
        system.row.cold_seconds.append(clock() - begun)


def search(
    system: MeasuredSystem, workload: Workload, *, warm_ups: int = 1, warm_up_seconds: float = 0.0
) -> Throughput:
    """Try every setting after a warm-up, and take the fastest; the record says what was tried. See Plan.warm_ups."""
    tried: list[tuple[float, Setting]] = []
    if len(system.spec.settings) > 1:
        for setting in system.spec.settings:
            system.open(setting)
            # Compiling and first allocations belong to opening, not to the speed of a setting.
            system.ask(jobs.answers, workload.raw[:4])
            seconds = system.ask(jobs.warm_up, workload.raw, warm_ups, warm_up_seconds)
            tried.append((len(workload.texts) / seconds, setting))
    # The fastest of single tries may be the second best by luck; the rounds then time it fairly all the same.
    best = max(tried, key=lambda one: one[0])[1] if tried else system.spec.settings[0]
    system.setting = best
    record = [[one.batch, one.streams, one.threads, rate] for rate, one in tried]
    return Throughput(workload.name, [best.batch, best.streams, best.threads], record, 1, [], 0.0, 0.0)


def score(system: MeasuredSystem, workload: Workload, expected: Expected, labels: Sequence[str]) -> None:
    """Compare the system's answers with gold and with the checkpoint; its row says what a reader must know of them.

    The main baseline is the checkpoint in fp32, with words cut as the pipeline cuts them. So its answers are what the
    other pipelines are compared with.
    """
    spans = system.ask(jobs.answers, workload.raw)
    # A system that drops texts would look fast.
    if len(spans) != len(workload.texts):
        raise Failure(f"{len(spans)} answers for {len(workload.texts)} texts")
    spec = system.spec
    found = accuracy(workload, spans, expected, labels, same_model=spec.same_model, cut=spec.cut)
    if spec.name == MAIN_BASELINES[0]:
        expected.twins["pipeline"] = spans
    system.row.accuracy.append(found)
    system.row.flags += [one for one in flags(found) if one not in system.row.flags]


def open_for_one(system: MeasuredSystem) -> None:
    """Open a system as its users open it to answer one text at a time.

    All threads work on that one text, so bare backends get one stream. Nerve is told the goal and chooses for itself.
    """
    setting = system.setting
    if system.spec.group == "nerve" or setting.streams > 1:
        system.open(Setting(setting.batch, 1, setting.streams * setting.threads, goal="latency"))


def latency(systems: Sequence[MeasuredSystem], workload: Workload, *, rounds: int, round_seconds: float = 0.0) -> None:
    """Tag one text at a time, interleaved: each round gives every system the same part of the texts.

    A turn begins with a few calls that do not count: a system that answers all day meets no others' use of the cache.
    A system whose round would last longer than `round_seconds` tags the first of them; 0: no limit.
    """
    raw = workload.raw
    size = len(raw) // rounds
    by_name = {one.name: one for one in systems if one.running}
    calls = dict.fromkeys(by_name, size)

    def warm_up(one: MeasuredSystem) -> None:
        seconds = float(np.median(one.ask(jobs.calls, raw[:_WARM_UP_CALLS])))
        if round_seconds:
            calls[one.name] = min(size, max(_LEAST_CALLS, int(round_seconds / seconds)))

    each(by_name.values(), warm_up)
    # Every round gets texts that were not used before, but for those that warm up: a cache must not help.
    taken = dict.fromkeys(by_name, 0)

    def run_(name: str) -> list[float]:
        first = size * taken[name]
        taken[name] += 1
        seconds = by_name[name].ask(jobs.calls, raw[first : first + calls[name]], raw[:_WARM_UP_CALLS])
        return [1000 * each for each in seconds]

    runs = {name: functools.partial(run_, name) for name, one in by_name.items() if one.running}
    for name, found in interleave(runs, rounds=rounds, failed=lambda name, failure: None).items():
        p50, p90, p99 = percentiles([value for part in found for value in part])
        by_name[name].row.latency.append(Latency(workload.name, found, p50, p90, p99))


def load(system: MeasuredSystem, workload: Workload, plan: Plan) -> None:
    """Run the open loop at rising rates, with the same arrivals for all; stop after the first rate that saturates."""
    for rate in plan.rates:
        due = poisson(rate, plan.load_seconds, seed=SEED)
        if not due:
            continue
        # The batch is what the search found best: a server in front of the system would use it, too.
        waits = [1000 * seconds for seconds in system.ask(jobs.load, workload.raw, due, max(1, system.setting.batch))]
        # The end of the waits, because a queue that grows shows there first.
        late = float(np.median(waits[-max(1, len(waits) // 10) :])) > 1000 * _SATURATED * plan.load_seconds
        system.row.load.append(Load(rate, len(due), *percentiles(waits), late))
        if late:
            return


def look_inside(system: MeasuredSystem, workload: Workload, found: Throughput | None = None) -> None:
    """Note where the system's time goes, and how much of its batches is padding; its speeds get the backend's part."""
    split = system.ask(jobs.split, workload.raw)
    system.row.split = split.stages
    system.row.padding_share = 1 - split.filled / split.slots if split.slots else None
    if found is not None:
        found.backend_seconds = split.stages.get("backend")


def peak_memory(system: MeasuredSystem) -> None:
    """Note the largest memory that its process has held so far."""
    system.row.peak_bytes = system.ask(jobs.peak_bytes)


def heat(system: MeasuredSystem, texts: Callable[[int, int], Workload], count: Counted, plan: Plan) -> None:
    """Measure tokens a second over words of a text and texts of a call; what would take too long stays empty.

    Args:
        texts: makes a workload of so many words a text and so many texts.
        count: counts the tokens of a workload.
        plan: has the axes and the longest time of one field.
    """
    known = system.row.throughput[0].tokens_per_second

    def measured(workload: Workload) -> float | None:
        tokens = count(workload)
        if tokens / known > plan.heat_seconds:
            return None
        # Serves as warm-up, and says how often to repeat.
        first = system.ask(jobs.timed, workload.raw, 1)
        repeats = repeats_for(first, at_least=plan.run_seconds / 2)
        return tokens * repeats / system.ask(jobs.timed, workload.raw, repeats)

    table = [[measured(texts(words, batch)) for batch in plan.heat_batches] for words in plan.heat_words]
    system.row.heat = Heat(list(plan.heat_words), list(plan.heat_batches), table)


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return p50, p90 and p99: the smallest value that so many of all values do not exceed."""
    p50, p90, p99 = np.quantile(values, [0.5, 0.9, 0.99], method="inverted_cdf").tolist()
    return p50, p90, p99
