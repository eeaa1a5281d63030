"""The gate's numbers, written out: who changes one changes it here, too, and in the documentation."""

from __future__ import annotations

import re
from dataclasses import astuple, fields, replace
from pathlib import Path
from typing import get_args

import pytest

from runtime.bundle.certificate import Certificate, Precision
from runtime.bundle.gate import (
    ELSEWHERE_EVIDENCE,
    EVIDENCE,
    GATE,
    LIMITED_EVIDENCE,
    PROBE_TOLERANCE,
    SURE,
    Bound,
    Evidence,
    contradictions,
    failures,
    is_held_elsewhere,
    lacking_evidence,
    left_out_share,
)
from runtime.bundle.manifest import Manifest
from tests.conftest import ROOT

NUMBERS = {
    # precision: changed labels in 10,000, F1 points lost, agreement
    "fp32": (0, 0, 1),
    "fp16": (2, 0.02, 0.998),
    "bf16": (2, 0.02, 0.998),
    "int8": (10, 0.1, 0.99),
    "fp8": (10, 0.1, 0.99),
    "int4": (10, 0.1, 0.99),
}
ELSEWHERE_NUMBERS = {
    "elsewhere_changed_per_10k": 20,
    "elsewhere_f1_lost": 0.1,
    "elsewhere_agreement": 0.98,
    "elsewhere_sure_changed": 0,
}


def test_the_numbers() -> None:
    assert set(GATE) == set(NUMBERS) == set(get_args(Precision))
    for precision, bounds in GATE.items():
        limits = {bound.figure: bound.limit for bound in bounds}
        changed, lost, agreement = NUMBERS[precision]
        expected = {
            "not_finite": 0,
            "changed_per_10k": changed,
            "f1_lost": lost,
            "agreement": agreement,
            "alone_changed_per_10k": changed,
            "rows_changed_per_10k": changed,
        }
        expected |= {"relative_logit_difference": 1e-4} if precision == "fp32" else {"sure_changed": 0}
        held_elsewhere = precision in ("int8", "fp8", "int4")
        assert is_held_elsewhere(precision) == held_elsewhere
        assert limits == (expected | ELSEWHERE_NUMBERS if held_elsewhere else expected)
        at_least = {bound.figure for bound in bounds if bound.at_least is True}
        may_lack = {bound.figure for bound in bounds if bound.may_lack is True}
        assert at_least == ({"agreement", "elsewhere_agreement"} if held_elsewhere else {"agreement"})
        assert may_lack == ({"f1_lost", "elsewhere_f1_lost"} if held_elsewhere else {"f1_lost"})
    assert SURE == 0.95
    assert astuple(EVIDENCE) == (10_000, 300, 10, 0.1)
    assert astuple(ELSEWHERE_EVIDENCE) == (5_000, 300, 0, 0.5)
    assert astuple(LIMITED_EVIDENCE) == (1, 1, 0, 1.0)
    assert {"fp32": 1e-4} | dict.fromkeys(set(NUMBERS) - {"fp32"}, 0.05) == PROBE_TOLERANCE


TOLD: dict[str, float | int | None] = {
    **{"words": 50_000, "changed_labels": 20, "changed_per_10k": 4.0, "f1_lost": -0.5, "agreement": 1.0},
    **{"reference_f1": 0.9, "candidate_f1": 0.905, "rows_changed_per_10k": 0},
    **{"elsewhere_words": 8_000, "elsewhere_changed_labels": 8, "elsewhere_changed_per_10k": 10.0},
    **{"elsewhere_reference_f1": 0.5, "elsewhere_candidate_f1": 0.25, "elsewhere_f1_lost": 25.0},
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"changed_labels": 9_000}, ("changed labels in 10,000 4, by the others 1800",)),
        ({"changed_per_10k": 0}, ("changed labels in 10,000 0, by the others 4",)),
        ({"changed_per_10k": 4.0000009}, ()),
        ({"changed_per_10k": 4.0000012}, ("changed labels in 10,000 4, by the others 4",)),
        ({"changed_labels": 0, "changed_per_10k": 0, "words": 0}, ()),
        ({"changed_labels": 1, "changed_per_10k": 10_000, "words": 1}, ()),
        ({"changed_labels": 2, "changed_per_10k": 20_000, "words": 0}, ()),
        ({"candidate_f1": 0.5}, ("entity F1 lost, points -0.5, by the others 40",)),
        ({"elsewhere_changed_labels": 9}, ("changed elsewhere, in 10,000 10, by the others 11.25",)),
        ({"elsewhere_reference_f1": 0.75}, ("entity F1 lost elsewhere, points 25, by the others 50",)),
        # Certificates of earlier versions say less.
        ({"changed_labels": None, "candidate_f1": None}, ()),
        ({"words": None, "reference_f1": None}, ()),
        ({"changed_per_10k": None, "f1_lost": None, "agreement": None}, ()),
        ({"rows_changed_per_10k": -0.5}, ("changed in full rows, in 10,000 -0.5",)),
        ({"not_finite": -1}, ("logits not finite -1",)),
        (
            {"agreement": 1.5, "elsewhere_agreement": 1.0001},
            ("agreement of entities, F1 1.5", "agreement elsewhere, F1 1.0001"),
        ),
        ({"agreement": -0.5}, ("agreement of entities, F1 -0.5",)),
        ({"agreement": 0, "not_finite": 0}, ()),
        # By so many words any number of changed labels is next to none.
        (
            {"changed_labels": 9_000, "changed_per_10k": 0, "words": 1e300, "elsewhere_words": 8_000.0},
            ("words 1e+300", "elsewhere_words 8000.0"),
        ),
        ({"changed_labels": 0.0, "changed_per_10k": 0}, ("changed_labels 0.0",)),
    ],
)
def test_figures_that_contradict_others_or_are_none(
    changes: dict[str, float | int | None], expected: tuple[str, ...]
) -> None:
    certificate = Certificate("a", "b", "int8", "cpu", {}, "c", "", {**TOLD, **changes}, {}, True)
    assert contradictions(certificate) == expected


@pytest.mark.parametrize("page", [Path("README.md"), Path("docs/export-and-certificates.md")])
def test_the_documentation_has_the_same(page: Path) -> None:
    rows = re.findall(
        r"^\| ((?:fp|bf|int)[\w, ]*) \| (\S+) \| (\S+) \| (\S+) \|$", (ROOT / page).read_text(), re.MULTILINE
    )
    told = {name: tuple(map(float, limits)) for names, *limits in rows for name in names.split(", ")}
    expected = {name: tuple(map(float, limits)) for name, limits in NUMBERS.items()}
    # The README may leave the table to the page about certificates.
    assert told == expected or (page.name == "README.md" and not told)


@pytest.mark.parametrize(
    ("bound", "value", "holds"),
    [
        (Bound("x", "", 2), 2, True),
        (Bound("x", "", 2), 2.0001, False),
        (Bound("x", "", 2), float("nan"), False),
        (Bound("x", "", 2), None, False),
        (Bound("x", "", 2, may_lack=True), None, True),
        (Bound("x", "", 2, at_least=True), 2, True),
        (Bound("x", "", 2, at_least=True), 1.9999, False),
        (Bound("x", "", 2, at_least=True), float("nan"), False),
    ],
)
def test_a_bound_at_its_edge(bound: Bound, value: float | None, holds: bool) -> None:
    assert bound.holds({"x": value}) == holds
    assert Bound("y", "", 2).holds({"x": 0}) is False


@pytest.mark.parametrize(
    ("figures", "entities", "lacking"),
    [
        ({"words": 100, "distinct_sentences": 5, "sentences": 9, "left_out": 1}, {"PER": 3}, ()),
        ({"words": 99, "distinct_sentences": 5, "sentences": 9}, {"PER": 3}, ("99 of 100 words",)),
        ({"words": None, "distinct_sentences": 5, "sentences": 9}, {"PER": 3}, ("0 of 100 words",)),
        ({"words": 100, "sentences": 9}, {"PER": 3}, ("0 of 5 distinct sentences",)),
        (
            {"words": 100, "distinct_sentences": 5, "sentences": 9},
            {},
            ("no entity of a type that the checkpoint knows",),
        ),
        (
            {"words": 100, "distinct_sentences": 5, "sentences": 8, "left_out": 2},
            {"PER": 2, "LOC": 3, "ORG": 0},
            ("0 of 3 ORG entities", "2 of 3 PER entities", "20% of the sentences left out as too long, at most 10%"),
        ),
    ],
)
def test_evidence_at_its_edge(
    figures: dict[str, float | int | None], entities: dict[str, int], lacking: tuple[str, ...]
) -> None:
    assert Evidence(words=100, distinct_sentences=5, entities=3, left_out=0.1).lacks(figures, entities) == lacking


def test_a_single_word_is_limited_evidence_and_no_word_is_none() -> None:
    one = {"words": 1, "distinct_sentences": 1, "sentences": 1, "left_out": 10_000}
    assert LIMITED_EVIDENCE.lacks(one, {}) == ()
    assert LIMITED_EVIDENCE.lacks({}, {}) == ("0 of 1 words", "0 of 1 distinct sentences")


def test_what_is_left_out_and_what_fails() -> None:
    assert left_out_share({"sentences": 9, "left_out": 1}) == 0.1
    assert left_out_share({"sentences": 9}) == 0
    assert left_out_share({"sentences": 1, "left_out": 1}) == 0.5
    assert left_out_share({"sentences": 0, "left_out": 0}) == 1
    assert left_out_share({}) == 1
    empty = Certificate("a", "onnxruntime", "fp32", "cpu", {}, "text", "0", {}, {}, True)
    assert [bound.figure for bound in failures(empty)] == [b.figure for b in GATE["fp32"] if b.figure != "f1_lost"]


def test_f1_may_lack_only_where_no_entity_was_counted() -> None:
    whole: dict[str, float | int | None] = {b.figure: b.limit if b.at_least else 0 for b in GATE["fp32"]}
    of = Certificate("a", "onnxruntime", "fp32", "cpu", {}, "text", "0", {**whole, "f1_lost": None}, {}, True)
    assert failures(of) == []
    counted = replace(of, entities={"PER": 1})
    assert [bound.figure for bound in failures(counted)] == ["f1_lost"]
    assert failures(replace(counted, measured=whole)) == []


def test_text_from_elsewhere_is_evidence_where_the_gate_has_rows_about_it() -> None:
    enough: dict[str, float | int | None] = {"words": 20_000, "sentences": 900, "distinct_sentences": 900}
    of = Certificate("a", "openvino", "fp32", "cpu", {}, "text", "0", enough, {}, True, entities={"PER": 10})
    assert lacking_evidence(of) == ()
    int8 = replace(of, precision="int8")
    assert lacking_evidence(int8)[:2] == (
        "0 of 5,000 words from elsewhere",
        "0 of 300 distinct sentences from elsewhere",
    )
    # Too little of both is told of both.
    little = lacking_evidence(replace(int8, measured={**enough, "words": 9_999}))
    assert little[:2] == ("9,999 of 10,000 words", "0 of 5,000 words from elsewhere")
    elsewhere = {f"elsewhere_{name}": count for name, count in enough.items()}
    assert lacking_evidence(replace(int8, measured={**enough, **elsewhere})) == ()


def test_names_of_the_schema() -> None:
    """A name that changes makes every bundle unreadable: it needs another number of the schema, or LATER."""
    assert {field.name for field in fields(Certificate)} == {
        *("file", "backend", "precision", "device", "versions", "corpus", "corpus_sha256", "measured", "limits"),
        *("passed", "cpu_requirements", "entities", "files", "interface_sha256", "probe"),
        *("elsewhere", "elsewhere_sha256", "rows", "residual_in_fp32"),
    }
    assert {field.name for field in fields(Manifest)} >= {
        *("checkpoint", "labels", "max_length", "vocabulary", "files", "graphs", "certificates", "versions", "speeds"),
        *("attestations", "engines", "readings", "failed"),
    }
