"""Goals: met, not met, or not measured, and never guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.report.goals import LARGE, MET, NOT_MEASURED, NOT_MET, SMALL, goals_of, goals_table
from bench.report.write import markdown_of
from bench.schema.result import Check, Result
from tests.bench.report.results import a_result, a_row

H100 = "NVIDIA H100 80GB HBM3, 580.159.04, 81559 MiB"
OURS = "nerve-onnxruntime-fp16-cuda-packed"
CERTIFIED = "x.onnx on onnxruntime in fp16, cuda: passed, {} labels changed in 10,000 of 12,895 words, agreement 1.0"


def _on_gpu(name: str = H100) -> Result:
    """A check of one candidate and the pipeline on that GPU."""
    result = a_result()
    result.machine = {**result.machine, "gpu": [name]}
    ours, pipeline = result.rows
    ours.name = result.workloads[0].fastest_nerve = OURS
    pipeline.name = "pipeline-fp16-cuda"
    return result


def _large(*, texts: float, share: float, milliseconds: float, times: float, gpu: str = H100) -> Result:
    """A check in which bert-large alone was measured."""
    result = _on_gpu(gpu)
    result.workloads[0].name = LARGE
    ours, pipeline = result.rows
    for row in result.rows:
        row.throughput[0].workload = row.accuracy[0].workload = LARGE
        row.latency[0].texts = f"{LARGE}, sentence"
    ours.throughput[0].texts_per_second, ours.throughput[0].share_of_roofline = texts, share
    ours.latency[0].p50 = milliseconds
    pipeline.throughput[0].seconds = [times * one for one in ours.throughput[0].seconds]
    return result


def _small() -> Result:
    """A check in which MiniLM alone was measured."""
    result = _on_gpu()
    result.workloads[0].name = SMALL
    for row in result.rows:
        row.throughput[0].workload = row.accuracy[0].workload = SMALL
    return result


def test_what_was_measured_is_held_against_the_goals() -> None:
    good = goals_of(_large(texts=5000, share=0.4, milliseconds=2.5, times=6))
    assert [one.verdict for one in good] == [MET] * 4 + [NOT_MEASURED]
    poor = goals_of(_large(texts=4499, share=0.349, milliseconds=3.01, times=4.9))
    assert [one.verdict for one in poor] == [NOT_MET] * 4 + [NOT_MEASURED]
    assert [one.shown for one in poor] == ["34.9%", "4,499", "3.01", "4.90 [4.90, 4.90]", "-"]


def test_a_ratio_reaches_its_goal_with_the_whole_of_its_interval() -> None:
    result = _large(texts=5000, share=0.4, milliseconds=2.5, times=6)
    ours, pipeline = (row.throughput[0] for row in result.rows)
    ours.seconds, pipeline.seconds = [1.0, 1.0, 1.0], [6.0, 6.0, 4.0]
    times = goals_of(result)[3]
    assert (times.value, times.verdict) == (6.0, NOT_MET)
    assert times.shown == "6.00 [4.00, 6.00]"


@pytest.mark.parametrize("gpu", ["NVIDIA B200, 1, 2", "NVIDIA A100-SXM4-80GB, 1, 2"])
def test_on_another_gpu_no_goal_counts_as_measured(gpu: str) -> None:
    result = _large(texts=5000, share=0.4, milliseconds=2.5, times=6, gpu=gpu)
    result.checks = [Check("certify", "passed", [CERTIFIED.format("0.0")], 1.0)]
    assert {one.verdict for one in goals_of(result)} == {NOT_MEASURED}
    assert {one.verdict for one in goals_of(replace(result, machine={**result.machine, "gpu": []}))} == {NOT_MEASURED}


@pytest.mark.parametrize("other", ["nerve-tensorrt-fp16-cuda", "nerve-onnxruntime-tensorrt-fp16-cuda", "nerve-a"])
def test_goals_are_of_onnx_runtime_on_cuda_whatever_else_is_faster(other: str) -> None:
    result = _large(texts=4499, share=0.349, milliseconds=3.01, times=4.9)
    faster = a_row(other, [0.1] * 5)
    faster.throughput[0].workload, faster.latency[0].texts = LARGE, f"{LARGE}, sentence"
    faster.throughput[0].texts_per_second, faster.throughput[0].tokens_per_second = 1e6, 1e6
    faster.throughput[0].share_of_roofline, faster.latency[0].p50 = 0.9, 0.1
    result.rows.append(faster)
    result.workloads[0].fastest_nerve = other
    assert [one.verdict for one in goals_of(result)] == [NOT_MET] * 4 + [NOT_MEASURED]
    result.rows = [row for row in result.rows if row.name != OURS]
    assert {one.verdict for one in goals_of(result)} == {NOT_MEASURED}


def test_changed_labels_are_those_of_the_certificate_of_the_fastest_candidate() -> None:
    result = _small()
    # What is scored beside speeds also counts how texts are cut into sentences.
    result.rows[0].accuracy[0].backend_changed_per_10k = 1.9
    assert goals_of(result)[-1].verdict == NOT_MEASURED
    result.rows[0].certificate = {"changed_per_10k": 0.0}
    assert [one.verdict for one in goals_of(result)] == [NOT_MEASURED] * 4 + [MET]
    result.rows[0].certificate = {"changed_per_10k": 1.2}
    assert goals_of(result)[-1].verdict == NOT_MET


def test_without_a_speed_the_worst_certificate_speaks() -> None:
    result = _small()
    result.rows.append(a_row(f"{OURS}-fused", [1.0]))
    for row, changed in zip(result.rows[::2], (0.6, 1.8)):
        row.throughput, row.certificate = [], {"changed_per_10k": changed}
    assert [(one.shown, one.verdict) for one in goals_of(result)][-1] == ("1.8", NOT_MET)


def test_where_the_time_ended_before_minilms_speed_the_step_that_certified_says_it() -> None:
    result = _large(texts=5000, share=0.4, milliseconds=2.5, times=6)
    lines = [CERTIFIED.format("0.00"), CERTIFIED.format("0.78"), "a.engine on tensorrt in fp16, cuda: not passed, 9.0"]
    result.checks = [Check("certify", "passed", lines, 1.0)]
    assert [(one.shown, one.verdict) for one in goals_of(result)][-1] == ("0.8", MET)
    result.checks = [Check("certify", "failed", ["the time was over"], 1.0)]
    assert goals_of(result)[-1].verdict == NOT_MEASURED


def test_a_gpu_checks_report_has_them_and_another_has_not() -> None:
    result = a_result()
    assert "## Goals" not in markdown_of(result)
    result.checks = [Check("environment", "passed", [], 0.0)]
    assert goals_table(result).markdown() in markdown_of(result)
