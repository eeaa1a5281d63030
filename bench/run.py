"""A whole benchmark, from top to bottom: which systems, on which texts, phase after phase; then the result.

The systems are given to it: the command line gives a bundle's candidates and the baselines, tests give fakes.
"""

from __future__ import annotations

import datetime
import functools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bench import phases, speed
from bench.context import Bench, Comparison, measured_of, reference_of, stage
from bench.measure.machine import machine_facts
from bench.measure.roofline_probe import open_probe
from bench.measure.rounds import MeasuredSystem, each
from bench.plan import SEED, Plan
from bench.report.method import method_of
from bench.run_large import measure_large
from bench.schema.result import Measured, Result, Throughput
from bench.workloads.answers import NOTHING_EXPECTED, Expected, checkpoint_accuracy
from bench.workloads.bert_large import WORKLOAD
from bench.workloads.texts import Workload, documents_of, sentences_of, single_texts

# A setting's warm-up: a first run that took longer is long enough for its start not to matter.
_TRIAL_SECONDS = 2.0


def run_bench(bench: Bench) -> Result:
    """Measure everything. A system that fails becomes a row that says why."""
    # The load average is read before anything is started, and again at the end.
    begun = time.perf_counter()
    machine = machine_facts()
    notes: list[str] = []
    systems = [MeasuredSystem(spec, threads=bench.threads, start=bench.start) for spec in bench.specs]
    with ThreadPoolExecutor(max(1, len(systems))) as pool:
        probing = pool.submit(open_probe, bench.start, bench.roofline, threads=bench.threads, notes=notes)
        # Choosing its shapes takes seconds. They pass while systems open, but never beside a cold start.
        if bench.plan.cold_starts:
            probing.result()
        comparison = Comparison(bench, systems, probing, notes)
        try:
            workloads = _measure(comparison)
        finally:
            # Each process takes a moment to end.
            list(pool.map(MeasuredSystem.leave, systems))
            comparison.probe.close()
    machine["load_average_after"] = machine_facts()["load_average"]
    return Result(
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seconds=time.perf_counter() - begun,
        quick=bench.plan.quick,
        threads=bench.threads,
        method=method_of(bench.plan, threads=bench.threads),
        machine=machine,
        bundle=bench.subject.bundle_facts,
        checkpoint=bench.subject.checkpoint_facts,
        workloads=workloads,
        rows=[system.row for system in systems],
        notes=notes,
    )


def _measure(comparison: Comparison) -> list[Measured]:
    bench = comparison.bench
    measured = [_main(comparison)]
    if bench.corpus:
        _one_text_at_a_time(comparison)
    if bench.corpus and bench.texts is not None:
        measured.append(_another(comparison, bench.texts, bench.plan.search_texts))
    if bench.corpus and bench.plan.documents:
        documents = documents_of(bench.corpus, bench.plan.documents, seed=SEED)
        measured.append(_another(comparison, documents, tried=2))
    if bench.corpus and bench.plan.heat_words:
        with stage("heat map"):
            _heat(comparison)
    if bench.corpus and bench.plan.large_sentences:
        with stage(WORKLOAD):
            measured += measure_large(comparison)
    return measured


def _main(comparison: Comparison) -> Measured:
    """Measure the main workload: files, cold start, setting, accuracy, throughput, memory and the inside."""
    bench, plan = comparison.bench, comparison.bench.plan
    with stage("prepare"):
        # What has no files to make needs no process for it.
        each([one for one in comparison.systems if one.spec.files or plan.cold_starts], phases.prepare)
    main, scored = main_workloads(bench)
    systems = comparison.on(main.name)
    with stage("reference"):
        expected = _expected(comparison, systems, scored)
    measured = measured_of(bench, main, checkpoint_accuracy(scored, expected, bench.subject.labels))
    found: dict[str, Throughput] = {}
    # A setting is tried on fewer texts than are timed, since there are many settings.
    tried = replace(main, texts=main.texts[: plan.search_texts])
    with stage("cold start, search"):
        each(systems, lambda one: _search(one, tried, found, plan, fresh=True))
    with stage("open"):
        each(systems, lambda one: one.open(one.setting), at_once=bench.threads)
    if bench.scores:
        with stage("answers"):
            each(systems, lambda one: phases.score(one, scored, expected, bench.subject.labels))
    with stage(main.name):
        count = bench.subject.tokens
        speed.throughput(systems, found, main, measured, comparison.probe, plan, rounds=plan.rounds, count=count)
        # Right after the main workload: later phases would raise the peak for some systems only.
        each(systems, phases.peak_memory)
        each(systems, lambda one: phases.look_inside(one, main, one.row.on(main.name)))
    return measured


def main_workloads(bench: Bench) -> tuple[Workload, Workload]:
    """Return what is timed and what is scored: sentences of the corpus, or the user's texts without a corpus."""
    if not bench.corpus:
        assert bench.texts is not None
        return bench.texts, bench.texts
    plan = bench.plan
    if plan.drawn_again:
        again = single_texts(bench.corpus, 0, plan.sentences, seed=SEED)
        return replace(again, name="sentences"), sentences_of(bench.corpus, plan.scored, seed=SEED)
    # Timed is a sample; scored is the whole corpus, for F1 needs more text than speed does.
    main = sentences_of(bench.corpus, plan.sentences, seed=SEED)
    scored = main if plan.scored == plan.sentences else sentences_of(bench.corpus, 0, seed=SEED)
    return main, scored


def _expected(comparison: Comparison, systems: Sequence[MeasuredSystem], scored: Workload) -> Expected:
    """Return the checkpoint's answers. Where no cold start is timed, systems are opened while it is asked."""
    bench = comparison.bench
    with ThreadPoolExecutor(1) as pool:
        ask = bench.expected or functools.partial(reference_of, bench, scored, comparison.notes)
        asked = pool.submit(ask) if bench.scores else None
        if not bench.plan.cold_starts:
            each(systems, lambda one: one.open(one.spec.settings[0]), at_once=bench.threads)
    # Nothing may be timed before its shapes are chosen.
    comparison.probing.result()
    # A copy, because the main baseline adds its answers to the twins.
    found = asked.result() if asked is not None else NOTHING_EXPECTED
    return replace(found, twins=dict(found.twins))


def _search(one: MeasuredSystem, tried: Workload, found: dict[str, Throughput], plan: Plan, *, fresh: bool) -> None:
    if fresh:
        phases.cold_start(one, tried.raw[0], plan.cold_starts)
    seconds = min(plan.warm_up_seconds, _TRIAL_SECONDS)
    found[one.name] = phases.search(one, tried, warm_ups=plan.warm_ups, warm_up_seconds=seconds)
    if fresh and not plan.quick:
        # The peak of memory is to be that of the chosen setting, not of all that were tried.
        one.leave()


def _one_text_at_a_time(comparison: Comparison) -> None:
    bench, plan = comparison.bench, comparison.bench.plan
    systems = comparison.on("sentences")
    with stage("latency"):
        # Opened anew, because the goal changes what a Tagger and a bare backend set up.
        each(systems, phases.open_for_one, at_once=bench.threads)
        for words in plan.latency_words:
            texts = single_texts(bench.corpus, words, plan.latency_calls * plan.latency_rounds, seed=SEED)
            phases.latency(systems, texts, rounds=plan.latency_rounds, round_seconds=plan.latency_seconds)
    with stage("load"):
        # Another seed than for the latency, so that no text was seen before.
        sentences = single_texts(bench.corpus, 0, 500, seed=SEED + 1)
        each(systems, lambda one: phases.load(one, sentences, plan))


def _another(comparison: Comparison, workload: Workload, tried: int) -> Measured:
    """Search, score and time on another workload; `tried` is the number of texts that a setting is tried on.

    Changed labels are known only where the checkpoint can be asked: it has no way of its own to read long documents.
    """
    bench, plan, systems = comparison.bench, comparison.bench.plan, comparison.on(workload.name)
    asked = workload.name != "documents"
    expected = reference_of(bench, workload, comparison.notes) if asked else replace(NOTHING_EXPECTED, twins={})
    measured = measured_of(bench, workload, checkpoint_accuracy(workload, expected, bench.subject.labels))
    found: dict[str, Throughput] = {}
    # A document takes seconds, so two of them are enough to choose a setting by.
    few = replace(workload, texts=workload.texts[:tried])
    with stage(workload.name):
        each(systems, lambda one: _search(one, few, found, plan, fresh=False))
        each(systems, lambda one: one.open(one.setting))
        each(systems, lambda one: phases.score(one, workload, expected, bench.subject.labels))
        count = bench.subject.tokens
        speed.throughput(systems, found, workload, measured, comparison.probe, plan, rounds=plan.rounds, count=count)
    return measured


def _heat(comparison: Comparison) -> None:
    """Measure Nerve's fastest candidate and the fastest baseline: one map each is what a reader can compare."""
    bench = comparison.bench

    def tokens_per_second(one: MeasuredSystem) -> float:
        return one.row.throughput[0].tokens_per_second

    def texts(words: int, batch: int) -> Workload:
        return single_texts(bench.corpus, words, batch, seed=SEED)

    for group in ("nerve", "baseline"):
        able = [one for one in comparison.systems if one.running and one.spec.group == group and one.row.throughput]
        if able:
            best = max(able, key=tokens_per_second)
            best.setting = best.spec.settings[0] if group == "nerve" else best.setting
            each([best], lambda one: one.open(one.setting))
            each([best], lambda one: phases.heat(one, texts, bench.subject.tokens, bench.plan))
