"""A whole run, which reads downwards: what is compared, on what, phase after phase; then the result.

It is given its systems, so that tests can give it fakes; the command line gives it a bundle's and its peers'.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import replace

from bench import phases
from bench.context import Bench, measured_of, reference_of, stage
from bench.measure.jobs import open_system
from bench.measure.machine import machine_card
from bench.measure.process import Place
from bench.measure.rounds import MeasuredSystem, each
from bench.plan import SEED, Plan
from bench.report.method import method_of
from bench.run_large import measure_large
from bench.schema.result import Measured, Result, Throughput
from bench.systems.base import Failure, Setting
from bench.workloads.answers import Expected, checkpoint_accuracy
from bench.workloads.bert_large import WORKLOAD
from bench.workloads.texts import Workload, documents_of, sentences_of, single_texts


def run_bench(bench: Bench) -> Result:
    """Measure everything. What fails is a row that says so."""
    begun = time.perf_counter()
    machine = machine_card()
    notes: list[str] = []
    measured_systems = [MeasuredSystem(spec, threads=bench.threads, start=bench.start) for spec in bench.specs]
    limits = _limits(bench, notes)
    try:
        workloads = _measure(bench, measured_systems, limits, notes)
    finally:
        for measured_system in measured_systems:
            measured_system.leave()
        if limits is not None:
            limits.close()
    machine["load_average_after"] = machine_card()["load_average"]
    return Result(
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seconds=time.perf_counter() - begun,
        quick=bench.plan.quick,
        threads=bench.threads,
        method=method_of(bench.plan, threads=bench.threads),
        machine=machine,
        bundle=bench.subject.bundle_card,
        checkpoint=bench.subject.checkpoint_card,
        workloads=workloads,
        rows=[measured_system.row for measured_system in measured_systems],
        notes=notes,
    )


def _measure(
    bench: Bench, measured_systems: list[MeasuredSystem], limits: Place | None, notes: list[str]
) -> list[Measured]:
    plan = bench.plan
    with stage("prepare"):
        each(measured_systems, phases.prepare)
    main, scored = _main_workloads(bench)
    with stage("reference"):
        expected = reference_of(bench, scored, notes)
    checkpoint = checkpoint_accuracy(scored, expected, bench.subject.labels)
    found: dict[str, Throughput] = {}
    tried = replace(main, texts=main.texts[: plan.search_texts])
    with stage("cold start, search"):
        each(measured_systems, lambda one: _search(one, tried, found, plan, fresh=True))
    measured = [measured_of(bench, main, checkpoint)]
    with stage("open"):
        each(measured_systems, lambda one: one.open(one.setting), at_once=bench.threads)
    with stage("answers"):
        each(measured_systems, lambda one: phases.score(one, scored, expected, bench.subject.labels))
    with stage(main.name):
        phases.throughput(measured_systems, found, main, measured[0], limits, plan, rounds=plan.rounds)
        each(measured_systems, phases.peak_memory)
        each(measured_systems, lambda one: phases.look_inside(one, main))
    if bench.corpus:
        _single(bench, measured_systems)
        measured += _other_workloads(bench, measured_systems, limits, notes)
    return measured


def _main_workloads(bench: Bench) -> tuple[Workload, Workload]:
    """What is timed, and what is scored: sentences of the corpus, or the user's texts where there is no corpus."""
    if not bench.corpus:
        assert bench.texts is not None
        return bench.texts, bench.texts
    main = sentences_of(bench.corpus, bench.plan.sentences, seed=SEED)
    scored = main if bench.plan.scored == bench.plan.sentences else sentences_of(bench.corpus, 0, seed=SEED)
    return main, scored


def _search(one: MeasuredSystem, tried: Workload, found: dict[str, Throughput], plan: Plan, *, fresh: bool) -> None:
    if fresh:
        phases.cold_start(one, tried.raw[0], plan.cold_starts)
    found[one.name] = phases.search(one, tried)
    if fresh and not plan.quick:
        # So that the peak of memory is that of the chosen setting, and not of all that were tried.
        one.leave()


def _single(bench: Bench, measured_systems: list[MeasuredSystem]) -> None:
    """One text at a time: all threads work on that one, so engines get a single stream."""
    plan = bench.plan
    with stage("latency"):
        each(measured_systems, _open_for_one)
        for words in plan.latency_words:
            texts = single_texts(bench.corpus, words, plan.latency_calls * plan.latency_rounds, seed=SEED)
            phases.latency(measured_systems, texts, rounds=plan.latency_rounds)
    with stage("load"):
        sentences = single_texts(bench.corpus, 0, 500, seed=SEED + 1)
        each(measured_systems, lambda one: phases.load(one, sentences, plan))


def _other_workloads(
    bench: Bench, measured_systems: list[MeasuredSystem], limits: Place | None, notes: list[str]
) -> list[Measured]:
    plan, measured = bench.plan, []
    if bench.texts is not None:
        measured.append(_again(bench, measured_systems, bench.texts, limits, reference=True, notes=notes))
    if plan.documents:
        documents = documents_of(bench.corpus, plan.documents, seed=SEED)
        measured.append(_again(bench, measured_systems, documents, limits, reference=False, notes=notes))
    if plan.heat_words:
        with stage("heat map"):
            _heat(bench, measured_systems)
    if plan.large_sentences:
        with stage(WORKLOAD):
            measured += measure_large(bench, measured_systems, limits, notes)
    return measured


def _again(
    bench: Bench,
    measured_systems: list[MeasuredSystem],
    workload: Workload,
    limits: Place | None,
    *,
    reference: bool,
    notes: list[str],
) -> Measured:
    """Search, score and time on another workload. Changed tags are known only where sentences are tagged alone."""
    expected = reference_of(bench, workload, notes) if reference else Expected((), {})
    checkpoint = checkpoint_accuracy(workload, expected, bench.subject.labels)
    measured = measured_of(bench, workload, checkpoint)
    found: dict[str, Throughput] = {}
    tried = replace(workload, texts=workload.texts[: 2 if workload.name == "documents" else bench.plan.search_texts])
    with stage(workload.name):
        each(measured_systems, lambda one: _search(one, tried, found, bench.plan, fresh=False))
        each(measured_systems, lambda one: one.open(one.setting))
        each(measured_systems, lambda one: phases.score(one, workload, expected, bench.subject.labels))
        phases.throughput(measured_systems, found, workload, measured, limits, bench.plan, rounds=bench.plan.rounds)
    return measured


def _heat(bench: Bench, measured_systems: list[MeasuredSystem]) -> None:
    """Of Nerve's fastest and of the fastest peer: a map each is what a reader can compare."""

    def speed(one: MeasuredSystem) -> float:
        return one.row.throughput[0].tokens_per_second

    def texts(words: int, batch: int) -> Workload:
        return single_texts(bench.corpus, words, batch, seed=SEED)

    for group in ("nerve", "peer"):
        able = [one for one in measured_systems if one.running and one.spec.group == group and one.row.throughput]
        if able:
            each([max(able, key=speed)], lambda one: phases.heat(one, texts, bench.subject.tokens, bench.plan))


def _open_for_one(one: MeasuredSystem) -> None:
    """Open it for one text at a time; peers of one stream already are."""
    setting = one.setting
    if one.spec.group == "nerve" or setting.streams > 1:
        one.open(Setting(setting.batch, 1, setting.streams * setting.threads, goal="latency"))


def _limits(bench: Bench, notes: list[str]) -> Place | None:
    place = bench.start(bench.threads)
    try:
        place.call(open_system, bench.limits, Setting(1, 1, bench.threads))
    except Failure as failure:
        notes.append(f"the machine's matrix-product rate was not measured ({failure})")
        place.close()
        return None
    return place
