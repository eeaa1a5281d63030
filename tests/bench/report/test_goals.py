"""Goals: met, not met, or not measured, and never guessed."""

from __future__ import annotations

from bench.measure.intervals import paired_ratio
from bench.report.goals import LARGE, MET, NOT_MEASURED, NOT_MET, SMALL, goals_of, goals_table
from bench.report.write import markdown_of
from bench.schema.result import Check, Result
from tests.bench.report.results import a_result


def _large(*, texts: float, share: float, milliseconds: float, times: float) -> Result:
    """A check in which bert-large alone was measured."""
    result = a_result()
    result.workloads[0].name = LARGE
    ours, pipeline = result.rows
    pipeline.name = "pipeline-fp16-cuda"
    for row in result.rows:
        row.throughput[0].workload = row.accuracy[0].workload = LARGE
        row.latency[0].texts = f"{LARGE}, sentence"
    ours.throughput[0].texts_per_second, ours.throughput[0].share_of_roofline = texts, share
    ours.latency[0].p50 = milliseconds
    pipeline.throughput[0].nerve_to_this = paired_ratio([times, times], [1.0, 1.0])
    return result


def test_what_was_measured_is_held_against_the_goals() -> None:
    good = goals_of(_large(texts=5000, share=0.4, milliseconds=2.5, times=6))
    assert [one.verdict for one in good] == [MET] * 4 + [NOT_MEASURED]
    poor = goals_of(_large(texts=4499, share=0.349, milliseconds=3.01, times=4.9))
    assert [one.verdict for one in poor] == [NOT_MET] * 4 + [NOT_MEASURED]
    assert [one.shown for one in poor] == ["34.9%", "4,499", "3.01", "4.9", "-"]


def test_changed_labels_are_those_of_the_fastest_candidate_on_the_model_that_was_trained() -> None:
    result = a_result()
    result.workloads[0].name = SMALL
    result.rows[0].throughput[0].workload = result.rows[0].accuracy[0].workload = SMALL
    assert [one.verdict for one in goals_of(result)] == [NOT_MEASURED] * 4 + [MET]
    result.rows[0].accuracy[0].backend_changed_per_10k = 1.2
    assert goals_of(result)[-1].verdict == NOT_MET


def test_without_a_speed_the_worst_candidate_speaks_and_without_scores_the_certificates() -> None:
    result = a_result()
    result.workloads[0].name, result.workloads[0].fastest_nerve = SMALL, ""
    result.rows[1].group = "nerve"
    for row, changed in zip(result.rows, (0.0, 0.6)):
        row.throughput, row.accuracy[0].workload = [], SMALL
        row.accuracy[0].backend_changed_per_10k = changed
        row.certificate = {"changed_per_10k": 3 * changed}
    assert [(one.shown, one.verdict) for one in goals_of(result)][-1] == ("0.6", MET)
    result.rows[0].accuracy = result.rows[1].accuracy = []
    assert [(one.shown, one.verdict) for one in goals_of(result)][-1] == ("1.8", NOT_MET)


def test_a_gpu_checks_report_has_them_and_another_has_not() -> None:
    result = a_result()
    assert "## Goals" not in markdown_of(result)
    result.checks = [Check("environment", "passed", [], 0.0)]
    assert goals_table(result).markdown() in markdown_of(result)
