"""Throughput in interleaved rounds, and the ratios of speeds that follow from it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.measure import jobs
from bench.measure.intervals import Ratio, paired_ratio
from bench.measure.roofline_probe import ROOFLINE, RooflineProbe
from bench.measure.rounds import MeasuredSystem, each, interleave, repeats_for
from bench.plan import Plan
from bench.schema.result import Measured, Throughput
from bench.workloads.texts import Workload

# The baseline of every ratio if it ran: what most people use today. Otherwise the first baseline takes its place.
MAIN_BASELINES = ("pipeline-fp32", "pipeline-fp16-cuda")
# Texts on which it is estimated how long a run takes.
_TRIED = 256


def throughput(
    systems: Sequence[MeasuredSystem],
    found: Mapping[str, Throughput],
    workload: Workload,
    measured: Measured,
    probe: RooflineProbe,
    plan: Plan,
    *,
    rounds: int,
    count: Callable[[Workload], int],
) -> None:
    """Time every open system and the roofline in interleaved rounds.

    Args:
        systems: those that are not running are passed over; rows of the others get a Throughput each.
        found: by name of the system, what the search has filled already.
        workload: is tagged.
        measured: what is said of the workload; it gets the rooflines, and the names that the ratios refer to.
        probe: measures the roofline.
        plan: says how long a run lasts at least.
        rounds: how many.
        count: counts the tokens of a workload.
    """
    by_name = {one.name: one for one in systems if one.running}

    tagged = dict.fromkeys(by_name, workload.raw)

    def calibrate(one: MeasuredSystem) -> None:
        part = _part_for(one, workload, plan, found[one.name])
        if part is not workload:
            tagged[one.name] = part.raw
            found[one.name].part_texts, found[one.name].part_tokens = len(part.texts), count(part)
        # Where a part was sized by a search or by few texts, that was the warm-up.
        most = 1 if plan.longest_run and one.spec.group != "nerve" else plan.warm_ups
        seconds = one.ask(jobs.warm_up, part.raw, most, plan.warm_up_seconds)
        found[one.name].repeats = repeats_for(seconds, at_least=plan.run_seconds)

    each(by_name.values(), calibrate)
    runs: dict[str, Callable[[], float | Mapping[str, float]]] = {
        name: functools.partial(one.ask, jobs.timed, tagged[name], found[name].repeats)
        for name, one in by_name.items()
        if one.running
    }
    # The roofline has its turn in every round as well: clock rates change while a benchmark runs.
    given = interleave(runs | probe.runs(), rounds=rounds, failed=lambda name, failure: None, least=plan.least_rounds)
    measured.rooflines = probe.rooflines([one for one in given.pop(ROOFLINE, []) if isinstance(one, Mapping)])
    for name, runs_of_one in given.items():
        one = by_name[name]
        seconds = [taken for taken in runs_of_one if isinstance(taken, float)]
        one.timed(_derived(found[name], seconds, one.spec.precision, measured))
    compare(systems, measured)


def _part_for(one: MeasuredSystem, workload: Workload, plan: Plan, found: Throughput) -> Workload:
    """Return what the system tags in each run: all texts, or every nth where all would take too long for the plan.

    A part has texts of all lengths, and at least one full batch. Nerve always tags all: it reads, computes and decodes
    at the same time, which a part of a batch or two does not show.
    """
    if not plan.longest_run or one.spec.group == "nerve":
        return workload
    seconds = len(workload.texts) / (_rate_of(found) or _rate_now(one, workload, plan))
    most = len(workload.texts) // max(1, one.setting.batch)
    every = min(most, math.ceil(seconds / plan.longest_run))
    return replace(workload, texts=workload.texts[::every]) if every > 1 else workload


def _rate_of(found: Throughput) -> float | None:
    """Return the texts a second that the search found for the chosen setting; None where nothing was searched."""
    return next((rate for *tried, rate in found.search if tried == found.setting), None)


def _rate_now(one: MeasuredSystem, workload: Workload, plan: Plan) -> float:
    """Return the texts a second of a warm run on few texts."""
    few = workload.raw[:: max(1, len(workload.texts) // max(_TRIED, one.setting.batch))]
    return len(few) / one.ask(jobs.warm_up, few, plan.warm_ups, plan.warm_up_seconds)


def _derived(one: Throughput, seconds: list[float], precision: str, measured: Measured) -> Throughput:
    """Fill in what follows from the seconds of the runs."""
    one.workload, one.seconds = measured.name, seconds
    # The median: one disturbed round does not change it.
    median = float(np.median(seconds)) / one.repeats
    one.texts_per_second = (one.part_texts or measured.texts) / median
    one.tokens_per_second = (one.part_tokens or measured.tokens) / median
    roofline = measured.rooflines.get(precision)
    if roofline and measured.flops_per_token:
        one.share_of_roofline = one.tokens_per_second * measured.flops_per_token / roofline.median
    return one


def compare(systems: Sequence[MeasuredSystem], measured: Measured) -> None:
    """Fill in the ratios to the baseline and of Nerve's fastest candidate to each, from speeds of the same rounds."""
    speeds = {
        one.name: [(found.part_tokens or measured.tokens) * found.repeats / seconds for seconds in found.seconds]
        for one in systems
        if one.measured and (found := one.row.on(measured.name))
    }
    # Everything may have failed, and there is still a report to write.
    if not speeds:
        return
    groups = {one.name: one.spec.group for one in systems}
    ours = [name for name in speeds if groups[name] == "nerve"]
    measured.baseline = _baseline_among(speeds, groups)
    # The fastest by its median, for which the short table and the verdict speak.
    measured.fastest_nerve = max(ours, key=lambda name: float(np.median(speeds[name])), default="")
    for one in systems:
        found = one.row.on(measured.name)
        if one.name not in speeds or found is None:
            continue
        found.to_baseline = _ratio(speeds[one.name], speeds[measured.baseline])
        if measured.fastest_nerve:
            found.nerve_to_this = _ratio(speeds[measured.fastest_nerve], speeds[one.name])


def _ratio(speed: Sequence[float], other: Sequence[float]) -> Ratio:
    """Return the ratio in the rounds of both: one of them may have ended early."""
    rounds = min(len(speed), len(other))
    return paired_ratio(speed[:rounds], other[:rounds])


def _baseline_among(speeds: Mapping[str, object], groups: Mapping[str, str]) -> str:
    main = [name for name in MAIN_BASELINES if name in speeds]
    baselines = [name for name in speeds if groups[name] == "baseline"]
    return [*main, *baselines, *speeds][0]
