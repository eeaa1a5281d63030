"""Sentences about a result: only what both intervals show is called faster."""

from __future__ import annotations

import pytest

from bench.measure.intervals import Ratio
from bench.report.verdict import reading, verdict
from bench.schema.result import read_result
from tests.bench.report.results import a_result
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (Ratio(1.5, 1.4, 1.6, 1.2, 1.8), "nerve-a is faster than baseline (1.50 [1.40, 1.60])"),
        (Ratio(1.5, 1.4, 1.6, 0.9, 2.0), "nerve-a is not shown to differ from baseline (1.50 [1.40, 1.60])"),
        (Ratio(1.1, 0.9, 1.6, 1.01, 2.0), "nerve-a is not shown to differ from baseline (1.10 [0.90, 1.60])"),
        (Ratio(0.5, 0.4, 0.6, 0.3, 0.8), "nerve-a is slower than baseline (0.50 [0.40, 0.60])"),
    ],
)
def test_only_what_both_intervals_show_is_called_faster(ratio: Ratio, words: str) -> None:
    result = a_result()
    result.rows[1].throughput[0].nerve_to_this = ratio
    assert reading(result) == [f"sentences: {words}"]


def test_the_verdict_is_computed_from_the_published_result() -> None:
    result = read_result(ROOT / "bench" / "results" / "minilm-conll2003.json")
    said = "int8 on OpenVINO tags 12.0x as many sentences a second as the Hugging Face pipeline in fp32"
    assert verdict(result) == f"{said}, with 5.8 of 10,000 labels changed."


def test_a_verdict_claims_no_difference_that_the_intervals_do_not_show() -> None:
    result = a_result()
    result.rows[0].throughput[0].to_baseline = Ratio(1.5, 1.4, 1.6, 0.9, 2.0)
    assert verdict(result).startswith("fp32 on OpenVINO is not shown to differ in speed from baseline on openvino")


def test_without_a_baseline_there_is_no_verdict() -> None:
    result = a_result()
    result.workloads[0].fastest_nerve = ""
    assert verdict(result) == "No candidate of Nerve was measured against a baseline."
