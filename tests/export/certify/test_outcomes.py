"""What certifying came to: who is kept, what a bundle has failed on by now, and why in a few words."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from export.certify.outcomes import (
    FIGURES,
    Outcome,
    certificates_of,
    failed_bounds,
    measured,
    reason_of,
    still_failed,
    still_vouched,
)
from runtime.bundle.certificate import Certificate, Precision
from runtime.bundle.gate import GATE

GOOD: dict[str, float | int | None] = {
    bound.figure: 1 if bound.at_least else 0 for bounds in GATE.values() for bound in bounds
}
INT8 = Certificate("packed-int8.onnx", "openvino", "int8", "cpu", {}, "valid.txt", "0", GOOD, {}, True)
FP32 = replace(INT8, file="packed-fp32.onnx", precision="fp32")
BAD = replace(INT8, passed=False, measured={**GOOD, "changed_per_10k": 12.3456, "agreement": None})


def test_an_outcome_has_what_a_person_is_told() -> None:
    figures = {"changed_per_10k": 2.5, "changed_per_10k_upper": 3.5, "candidate_f1": 0.9}
    one = measured(replace(INT8, measured={**GOOD, **figures}), kept=True, reason="kept")
    assert (one.candidate, one.kept, one.reason, one.figures) == (INT8.candidate, True, "kept", figures)
    assert one.certificate is not None
    assert one.fault is None
    assert tuple(figures) == FIGURES
    assert Outcome(INT8.candidate, False, "it is refused") == Outcome(
        INT8.candidate, False, "it is refused", None, {}, None
    )


def test_certificates_are_of_those_that_are_kept() -> None:
    kept, left = measured(INT8, kept=True, reason="kept"), measured(FP32, kept=False, reason="sure labels changed")
    assert certificates_of([left, kept, Outcome(INT8.candidate, True, "figures alone")]) == (INT8,)


def test_a_failure_stays_until_it_passes_on_the_same_texts() -> None:
    again, elsewhere = replace(BAD, corpus_sha256="1"), replace(BAD, elsewhere_sha256="1")
    before = (BAD, again, elsewhere)
    assert still_failed(before, []) == before
    assert still_failed(before, [Outcome(INT8.candidate, False, "it is refused")]) == before
    passed = measured(INT8, kept=True, reason="kept")
    assert still_failed(before, [passed]) == (again, elsewhere)
    failed = measured(replace(BAD, corpus="by another name"), kept=False, reason="too many labels changed")
    assert still_failed(before, [failed]) == (failed.certificate, again, elsewhere)
    # A CPU that cuts sums off says nothing of the file, neither for it nor against it.
    cut = measured(replace(BAD, cpu_requirements=("no vnni",)), kept=False, reason="this CPU cuts sums off")
    assert still_failed((), [cut]) == ()


def test_certificates_that_could_not_be_tried_here_stay_while_they_vouch() -> None:
    gpu, other = (replace(FP32, backend=name, device="cuda") for name in ("onnxruntime", "tensorrt"))
    tried = [measured(INT8, kept=True, reason="kept"), Outcome(FP32.candidate, False, "it is refused")]
    before = (INT8, FP32, gpu, other)
    assert still_vouched(before, tried, ()) == (gpu, other)
    assert still_vouched(before, tried, {other.candidate}) == (gpu,)


def test_what_does_not_hold_is_told_with_its_limit() -> None:
    assert failed_bounds(INT8) == ""
    told = "changed labels in 10,000 12.3, limit 10, agreement of entities, F1 not measured, limit 0.99"
    assert failed_bounds(BAD) == told


REASONS = {
    "not_finite": "logits that are not finite",
    "changed_per_10k": "too many labels changed",
    "f1_lost": "too much F1 lost",
    "agreement": "too few entities agree",
    "alone_changed_per_10k": "too many changed when alone",
    "rows_changed_per_10k": "too many changed in rows",
    "relative_logit_difference": "logits too far apart",
    "sure_changed": "sure labels changed",
    "elsewhere_changed_per_10k": "too many labels changed elsewhere",
    "elsewhere_f1_lost": "too much F1 lost elsewhere",
    "elsewhere_agreement": "too few entities agree elsewhere",
    "elsewhere_sure_changed": "sure labels changed elsewhere",
}


@pytest.mark.parametrize("precision", get_args(Precision))
def test_every_row_of_the_gate_has_a_reason(precision: Precision) -> None:
    of = replace(INT8, precision=precision)
    assert reason_of(of) == "its certificate failed"
    for bound in GATE[precision]:
        beyond = bound.limit - 1 if bound.at_least else bound.limit + 1
        assert reason_of(replace(of, measured={**GOOD, bound.figure: beyond})) == REASONS[bound.figure]
