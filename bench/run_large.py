"""The part of a run that measures bert-large's shape: speed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench import phases
from bench.context import Bench, measured_of
from bench.measure.machine import available_memory
from bench.measure.process import Place
from bench.measure.rounds import MeasuredSystem, each
from bench.plan import SEED
from bench.schema.result import Measured, Throughput
from bench.systems.base import Failure, Spec
from bench.workloads.bert_large import WORKLOAD, make_large
from bench.workloads.texts import Workload, sentences_of

# Sentences that a setting is tried on.
_TRIED = 12


def measure_large(
    bench: Bench, measured_systems: list[MeasuredSystem], limits: Place | None, notes: list[str]
) -> list[Measured]:
    """Speeds go into the rows of the contestants with the same names; what was not measured becomes a note."""
    for one in measured_systems:
        one.leave()  # their memory is needed
    rows = {one.name: one.row for one in measured_systems if one.running}
    try:
        specs = [spec for spec in _made(bench) if spec.name in rows]
    except Failure as failure:
        notes.append(f"{WORKLOAD}: not measured ({failure})")
        return []
    large = [MeasuredSystem(spec, threads=bench.threads, start=bench.start) for spec in specs]
    workload = replace(sentences_of(bench.corpus, bench.plan.large_sentences, seed=SEED), name=WORKLOAD)
    measured = replace(measured_of(bench, workload, None), flops_per_token=bench.subject.large_flops)
    try:
        _timed(bench, large, workload, measured, limits)
    finally:
        for one in large:
            one.leave()
    notes += [f"{WORKLOAD}: {one.name} was not measured ({one.row.reason})" for one in large if not one.running]
    for one in large:
        rows[one.name].throughput += one.row.throughput
    return [measured]


def _made(bench: Bench) -> Sequence[Spec]:
    """The systems, on a checkpoint and a bundle that are made if they are missing."""
    worker = bench.start(bench.threads)
    try:
        worker.call(make_large, bench.subject.checkpoint, bench.large_folder)
    finally:
        worker.close()
    return bench.large()


def _timed(
    bench: Bench, large: list[MeasuredSystem], workload: Workload, measured: Measured, limits: Place | None
) -> None:
    found: dict[str, Throughput] = {}
    tried = replace(workload, texts=workload.texts[:_TRIED])

    def search(one: MeasuredSystem) -> None:
        found[one.name] = phases.search(one, tried)
        one.leave()

    each(large, phases.prepare)
    each(large, search)
    each(large, lambda one: _open(one, bench.large_room))
    phases.throughput(large, found, workload, measured, limits, bench.plan, rounds=bench.plan.large_rounds)


def _open(one: MeasuredSystem, room: int) -> None:
    """All stay open, since their turns are interleaved; one that there is no room for is left out, and said to be."""
    if 0 < available_memory() < room:
        raise Failure(f"less than {room / 1e9:.1f} GB of memory were free")
    one.open(one.setting)
