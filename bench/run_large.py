"""The part of a benchmark that measures bert-large's shape: its speed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench import phases, speed
from bench.context import Bench, Comparison, measured_of
from bench.measure.machine import available_memory
from bench.measure.rounds import MeasuredSystem, each
from bench.plan import SEED
from bench.schema.result import Measured, Throughput
from bench.systems.base import Failure, Spec
from bench.workloads.bert_large import WORKLOAD, make_large
from bench.workloads.texts import Workload, sentences_of

# How many sentences each setting is tried on.
_TRIED = 12


def measure_large(comparison: Comparison) -> list[Measured]:
    """Add speeds to the rows of the systems with the same names; what is not measured becomes a note."""
    bench, notes = comparison.bench, comparison.notes
    for one in comparison.systems:
        one.leave()  # their memory is needed
    # Speeds are added to the rows that are there: one row a system in every table.
    rows = {one.name: one.row for one in comparison.systems if one.running}
    try:
        specs = [spec for spec in _made(bench) if spec.name in rows]
    except Failure as failure:
        notes.append(f"{WORKLOAD}: not measured ({failure})")
        return []
    # Systems of their own: they run another bundle, with other settings.
    large = [MeasuredSystem(spec, threads=bench.threads, start=bench.start) for spec in specs]
    measured = time_large(replace(comparison, systems=large))
    notes += [f"{WORKLOAD}: {one.name} was not measured ({one.row.reason})" for one in large if not one.running]
    for one in large:
        rows[one.name].throughput += one.row.throughput
    return [measured]


def time_large(comparison: Comparison) -> Measured:
    """Time systems on a bundle that is made already; their rows get speeds and peaks of memory, and none runs on."""
    bench, large = comparison.bench, comparison.systems
    workload = replace(sentences_of(bench.corpus, bench.plan.large_sentences, seed=SEED), name=WORKLOAD)
    measured = replace(measured_of(bench, workload, None), flops_per_token=bench.subject.large_flops)
    try:
        _timed(comparison, workload, measured)
        each(large, phases.peak_memory)
    finally:
        for one in large:
            one.leave()
    return measured


def _made(bench: Bench) -> Sequence[Spec]:
    """Return the systems; their checkpoint and bundle are made if they are missing."""
    worker = bench.start(bench.threads)
    try:
        worker.call(make_large, bench.subject.checkpoint, bench.large_folder)
    finally:
        worker.close()
    return bench.large()


def _timed(comparison: Comparison, workload: Workload, measured: Measured) -> None:
    bench, large = comparison.bench, comparison.systems
    found: dict[str, Throughput] = {}
    tried = replace(workload, texts=workload.texts[:_TRIED])

    def search(one: MeasuredSystem) -> None:
        found[one.name] = phases.search(one, tried)
        one.leave()

    each(large, phases.prepare)
    # One after the other and closed again: not all of them fit into memory while they are tried.
    each(large, search)
    each(large, lambda one: _open(one, bench.large_room))
    rounds = bench.plan.large_rounds
    count = bench.subject.tokens
    speed.throughput(large, found, workload, measured, comparison.probe, bench.plan, rounds=rounds, count=count)


def _open(one: MeasuredSystem, room: int) -> None:
    """Open a system, if there is memory for it: all stay open, because their runs are interleaved."""
    if 0 < available_memory() < room:
        raise Failure(f"less than {room / 1e9:.1f} GB of memory were free")
    one.open(one.setting)
