"""The steps of the GPU check: their order, and that a model is measured as in any benchmark. Here on the CPU."""

from __future__ import annotations

import functools
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.gpu.check import GpuCheck, empty_result
from bench.gpu.jobs import Answer
from bench.gpu.matrices import open_gpu_products
from bench.gpu.sizes import FOUR, NINE, Size
from bench.gpu.steps import ANSWERS, ENVIRONMENT, LARGE, MINILM, add, measure, searched, steps_of
from bench.report.goals import goals_of
from bench.report.tables import tables_of
from bench.report.write import markdown_of
from bench.systems.base import Setting
from tests.bench.gpu.conftest import SMALL
from tests.bench.report.results import a_result

TINY = replace(FOUR.minilm, sentences=12, scored=12, rounds=2, run_seconds=0.01, search_texts=4, latency_calls=2)
SMALLEST = replace(FOUR, training=0.5, minilm=TINY, large=TINY, minilm_shape=SMALL, large_shape=SMALL)


def a_check(
    work: Path, size: Size = SMALLEST, *, checkpoint: Path | None = None, corpus: Path | None = None
) -> GpuCheck:
    """A check on the CPU."""
    return GpuCheck(
        work=work,
        output=work / "result.json",
        size=size,
        threads=1,
        end=time.monotonic() + 3600,
        result=empty_result(1, []),
        device="cpu",
        roofline=functools.partial(open_gpu_products, device="cpu", shapes=((32, 32, 32),)),
        checkpoint=checkpoint,
        corpus=corpus,
    )


@pytest.mark.parametrize("size", [FOUR, NINE])
def test_a_step_needs_only_what_comes_before_it(tmp_path: Path, size: Size) -> None:
    names = [ENVIRONMENT.name]
    for step in steps_of(a_check(tmp_path, size)):
        assert set(step.needs) <= set(names)
        names.append(step.name)
    assert len(set(names)) == len(names)
    order = ["environment", f"{MINILM}: engines", "certify", "tests"]
    order += [f"{LARGE}: bundle", f"{LARGE}: speed", f"{MINILM}: speed"]
    assert [name for name in names if name in order] == order
    assert ("export" in names) == size.thorough


@pytest.mark.slow
def test_models_are_made_and_measured_like_any_other(tmp_path: Path) -> None:
    check = a_check(tmp_path)
    steps = {step.name: step for step in steps_of(check)}
    assert steps[f"{MINILM}: checkpoint"].work(check, 120).lines[0].startswith("trained for")
    steps[f"{MINILM}: bundle"].work(check, 120)
    steps[f"{LARGE}: bundle"].work(check, 120)
    for model in (LARGE, MINILM):
        answer = steps[f"{model}: speed"].work(check, 240)
        assert answer.passed, answer.lines
        assert any("the backend alone computes" in line for line in answer.lines)
    check.close()
    result = check.result
    assert [one.name for one in result.workloads] == [LARGE, MINILM]
    assert result.workloads[1].rooflines["fp16"].median > 0
    rows = {row.name: row for row in result.rows}
    for name in ("pipeline-fp16-cpu", "pytorch-fp16-cpu"):
        assert rows[name].status == "measured", rows[name].reason
        assert [one.workload for one in rows[name].throughput] == [LARGE, MINILM]
        # Nothing can be said of the answers of random weights.
        assert [one.workload for one in rows[name].accuracy] == [MINILM]
        assert {one.texts for one in rows[name].latency} >= {f"{LARGE}, sentence", f"{MINILM}, sentence"}
    ours = [row for row in result.rows if row.group == "nerve"]
    assert {row.status for row in ours} == {"measured"}
    assert rows[result.workloads[1].baseline].group == "baseline"
    assert "## minilm: 12 texts" in markdown_of(result)


@pytest.mark.slow
def test_a_checkpoint_and_corpus_of_ones_own_take_minilms_place(
    tmp_path: Path, small_checkpoint: Path, small_bundle: Path, sample: Path
) -> None:
    check = a_check(tmp_path, checkpoint=small_checkpoint, corpus=sample)
    answer = measure(check, MINILM, small_bundle, replace(TINY, latency_words=()), 240)
    assert answer.passed, answer.lines
    assert check.result.checkpoint["name"] == small_checkpoint.name


def test_two_benchmarks_become_one_result() -> None:
    whole, part = empty_result(1, []), a_result()
    part.notes = ["a note"]
    add(whole, part, "one")
    add(whole, a_result(), "other")
    assert [one.name for one in whole.workloads] == ["one", "other"]
    assert [one.workload for one in whole.rows[0].throughput] == ["one", "other"]
    assert [one.texts for one in whole.rows[0].latency] == ["one, sentence", "other, sentence"]
    assert whole.notes == ["one: a note"]
    assert [title for title, _ in tables_of(whole)][:2] == [
        "one: 100 texts, 2,000 tokens",
        "other: 100 texts, 2,000 tokens",
    ]


def test_certificates_are_minilms_and_what_failed_on_it_is_said() -> None:
    whole, part = empty_result(1, []), a_result()
    part.rows[0].status, part.rows[0].reason, part.rows[0].throughput = "failed", "the time was over", []
    part.rows[0].certificate = {"changed_per_10k": 0.5}
    add(whole, a_result(), LARGE)
    add(whole, part, MINILM)
    assert whole.rows[0].certificate == {"changed_per_10k": 0.5}
    assert whole.rows[0].incomplete == [f"{MINILM}: failed: the time was over"]
    # No speed says which candidate is the fastest, and the certificates say how many labels changed.
    whole.machine, whole.rows[0].name = {"gpu": ["NVIDIA H100 NVL, 1, 2"]}, "nerve-onnxruntime-fp16-cuda"
    assert goals_of(whole)[-1].shown == "0.5"


def test_nothing_is_timed_while_the_checkpoint_is_asked(tmp_path: Path) -> None:
    check, done = a_check(tmp_path), threading.Event()

    def asked() -> None:
        time.sleep(0.1)
        done.set()

    check.begin(LARGE, lambda: Answer(["made"]))
    check.begin(ANSWERS, asked)
    step = next(step for step in steps_of(check) if step.name == f"{LARGE}: bundle")
    assert step.work(check, 10).lines == ["made"]
    assert done.is_set()
    check.close()


def test_minilms_baselines_take_the_setting_that_bert_larges_search_found() -> None:
    whole = empty_result(1, [])
    assert searched(whole) == {}
    large = a_result()
    large.rows[1].throughput[0].search = [[8, 1, 2, 10.0], [32, 1, 2, 20.0]]
    large.rows[1].throughput[0].setting = [32, 1, 2]
    add(whole, large, LARGE)
    assert searched(whole) == {"baseline": (Setting(32, 1, 2),)}


def test_a_row_that_failed_before_is_replaced() -> None:
    whole, part = empty_result(1, []), a_result()
    part.rows[0].status, part.rows[0].throughput = "failed", []
    add(whole, part, "one")
    add(whole, a_result(), "other")
    assert {row.name: row.status for row in whole.rows} == {"nerve-a": "measured", "baseline": "measured"}
