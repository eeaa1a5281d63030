"""What a person sees of a certificate: a line, or all figures."""

from __future__ import annotations

from dataclasses import replace

from export.certify.report import show_certificate, summary
from runtime.bundle.certificate import Certificate
from runtime.bundle.gate import GATE
from runtime.screen.display import showing
from tests.fakes.screen import FakeScreen

PERFECT = {bound.figure: bound.limit if bound.at_least else 0 for bound in GATE["int8"]}
COUNTED = {"words": 50_000, "sentences": 3_000, "distinct_sentences": 3_000, "left_out": 0}
PASSED = Certificate(
    "packed-int8.onnx",
    "openvino",
    "int8",
    "cpu",
    {"torch": "2.13", "openvino": "2026.1"},
    "valid.txt",
    "0",
    {
        **PERFECT,
        **COUNTED,
        **{f"elsewhere_{name}": count for name, count in COUNTED.items()},
        **{"sure_words": 49_000, "elsewhere_sure_words": 45_000, "margin_median": 0.071, "margin_largest": 0.3},
        "changed_labels": 21,
        "changed_per_10k": 4.2,
        "changed_per_10k_upper": 6.02,
        "reference_f1": 0.9073,
        "candidate_f1": 0.9068,
    },
    {},
    True,
    entities={"PER": 500},
    elsewhere="generated news",
)


def test_a_certificate_in_one_line() -> None:
    assert summary(PASSED) == (
        "packed-int8.onnx on openvino in int8, cpu: passed, "
        "21 of 50,000 labels changed (95% sure: at most 6.02 in 10,000), F1 0.9068"
    )
    failed = {**PASSED.measured, "changed_per_10k": 12.3, "agreement": 0.98}
    assert summary(replace(PASSED, measured=failed, passed=False)) == (
        "packed-int8.onnx on openvino in int8, cpu: left out, "
        "changed labels in 10,000 12.3, limit 10, agreement of entities, F1 0.98, limit 0.99"
    )


def test_all_figures_of_a_certificate() -> None:
    with showing(screen := FakeScreen()):
        show_certificate(PASSED)
    assert "packed-int8.onnx on openvino 2026.1 in int8, cpu, against PyTorch 2.13 fp32" in screen.lines[0]
    assert "changed labels in 10,000  4.2  <= 10  ok" in screen.lines
    said = "valid.txt: 0 labels changed of 49,000 that the checkpoint is 95% sure of"
    assert f"{said}; where labels changed, its first led by 0.07 (median), at most 0.30" in screen.lines
    assert "generated news: 0 labels changed of 45,000 that the checkpoint is 95% sure of" in screen.lines
    assert screen.lines[-1] == "PASSED"
