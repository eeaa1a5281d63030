"""Answers brought back to words, scored, and flagged."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.systems.base import Span
from bench.workloads.answers import (
    NOTHING_EXPECTED,
    Expected,
    accuracy,
    checkpoint_accuracy,
    flags,
    labels_of,
    spans_of,
)
from tests.bench.fakes import LABELS, Fake, workload

WORDS = [(0, 3), (4, 8), (9, 10), (11, 15)]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], ["O", "O", "O", "O"]),
        ([("LOC", 0, 8)], ["B-LOC", "I-LOC", "O", "O"]),
        ([("LOC", 0, 3), ("LOC", 4, 8)], ["B-LOC", "B-LOC", "O", "O"]),
        ([("PER", 5, 7)], ["O", "B-PER", "O", "O"]),  # a part of a word claims the word
        ([("PER", 3, 4)], ["O", "O", "O", "O"]),  # a space belongs to nobody
        ([("PER", 11, 15), ("LOC", 0, 1)], ["B-LOC", "O", "O", "B-PER"]),  # any order
        ([("LOC", 0, 5), ("PER", 4, 10)], ["B-LOC", "I-LOC", "B-PER", "O"]),  # the first keeps a word
        ([("LOC", 14, 99)], ["O", "O", "O", "B-LOC"]),
    ],
)
def test_entities_come_back_to_words(spans: list[Span], expected: list[str]) -> None:
    assert labels_of(spans, WORDS) == expected


def _expected(gold: Sequence[Sequence[str]], **twins: Sequence[Sequence[Span]]) -> Expected:
    return Expected(gold, dict(twins))


def _gold() -> list[list[str]]:
    return [list(text.gold) for text in workload().texts]


def test_right_answers_score_one_and_change_nothing() -> None:
    texts, right = workload(), Fake().tag(workload().raw)
    found = accuracy(texts, right, _expected(_gold(), words=right), LABELS)
    assert (found.f1, found.changed_per_10k, found.backend_changed_per_10k) == (1.0, 0.0, 0.0)
    assert flags(found) == []


def test_wrong_tags_are_flagged() -> None:
    texts, right, wrong = workload(), Fake().tag(workload().raw), Fake(kind="PER").tag(workload().raw)
    found = accuracy(texts, wrong, _expected(_gold(), words=right), LABELS)
    assert found.changed_per_10k == found.backend_changed_per_10k == 2000.0
    assert flags(found) == [
        "answers differ from the checkpoint's: 2000.0 labels in 10,000",
        "loses 100.00 points of F1 against the checkpoint",
    ]


def test_what_the_cutting_changed_is_not_the_engines_fault() -> None:
    texts, mine = workload(), Fake(kind="PER").tag(workload().raw)
    found = accuracy(texts, mine, _expected(_gold(), words=mine, pipeline=[[]] * 8), LABELS)
    assert (found.changed_per_10k, found.backend_changed_per_10k) == (2000.0, 0.0)
    assert flags(found) == []
    assert flags(accuracy(texts, mine, _expected(_gold(), pipeline=[[]] * 8), LABELS, cut="pipeline")) != []


def test_another_model_is_not_held_against_the_checkpoint() -> None:
    texts, right = workload(), Fake().tag(workload().raw)
    found = accuracy(texts, right, _expected(_gold(), words=[[]] * 8), LABELS, same_model=False)
    assert found.f1 == 1.0
    assert found.changed_per_10k is found.backend_changed_per_10k is found.backend_f1_lost is None


def test_without_gold_for_the_models_types_there_is_no_f1() -> None:
    texts = workload()
    found = accuracy(texts, Fake().tag(texts.raw), NOTHING_EXPECTED, ("O", "B-PER", "I-PER"))
    assert found.f1 is None
    assert found.changed_per_10k is None


def test_an_opening_i_and_a_b_are_the_same_answer() -> None:
    texts = workload(1)
    found = accuracy(texts, Fake().tag(texts.raw), _expected([["O", "O", "O", "I-LOC", "O"]]), LABELS)
    assert found.changed_per_10k == 0.0


def test_a_text_that_the_checkpoint_cannot_take_is_left_out() -> None:
    texts, right = workload(2), Fake().tag(workload(2).raw)
    found = accuracy(texts, right, Expected([None, ["O"] * 5], {"words": [None, []]}), LABELS)
    assert (found.changed_per_10k, found.backend_changed_per_10k, found.backend_f1_lost) == (2000.0, 2000.0, None)
    assert checkpoint_accuracy(texts, Expected([None, ["O"] * 5], {}), LABELS) is None


def test_labels_and_spans_are_each_others_inverse() -> None:
    labels = ["B-LOC", "I-LOC", "B-LOC", "O"]
    assert spans_of(labels, WORDS) == [("LOC", 0, 8), ("LOC", 9, 10)]
    assert labels_of(spans_of(labels, WORDS), WORDS) == labels
