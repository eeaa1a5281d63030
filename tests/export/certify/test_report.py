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
        "changed_labels": 21,
        "changed_per_10k": 4.2,
        "changed_per_10k_upper": 6.02,
        "reference_f1": 0.9073,
        "candidate_f1": 0.9068,
    },
    {},
    True,
    entities={"PER": 500},
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
    assert screen.lines[-1] == "PASSED"
