"""Answers brought back to words, scored, and flagged."""

from __future__ import annotations

import pytest

from bench.answers import accuracy, checkpoint_accuracy, flags, labels_of
from bench.system import Span
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


def test_right_answers_score_one_and_change_nothing() -> None:
    texts = workload()
    gold = [list(text.gold) for text in texts.texts]
    found = accuracy(texts, Fake().tag(texts.raw), gold, LABELS, same_model=True)
    assert (found.f1, found.changed_per_10k, found.compared_words) == (1.0, 0.0, 40)
    assert flags(found, checkpoint_accuracy(texts, gold, LABELS)) == []


def test_wrong_tags_are_flagged() -> None:
    texts = workload()
    gold = [list(text.gold) for text in texts.texts]
    wrong = accuracy(texts, Fake(kind="PER").tag(texts.raw), gold, LABELS, same_model=True)
    assert wrong.changed_per_10k == 2000.0
    said = flags(wrong, checkpoint_accuracy(texts, gold, LABELS))
    assert said == [
        "answers differ from the checkpoint's: 2000.0 tags in 10,000",
        "loses 100.00 points of F1 against the checkpoint",
    ]


def test_another_model_is_not_held_against_the_checkpoint() -> None:
    texts = workload()
    gold = [list(text.gold) for text in texts.texts]
    found = accuracy(texts, Fake().tag(texts.raw), gold, LABELS, same_model=False)
    assert found.f1 == 1.0
    assert found.changed_per_10k is None


def test_without_gold_for_the_models_types_there_is_no_f1() -> None:
    texts = workload()
    found = accuracy(texts, Fake().tag(texts.raw), [], ("O", "B-PER", "I-PER"), same_model=True)
    assert found.f1 is None
    assert found.changed_per_10k is None


def test_an_opening_i_and_a_b_are_the_same_answer() -> None:
    texts = workload(1)
    found = accuracy(texts, Fake().tag(texts.raw), [["O", "O", "O", "I-LOC", "O"]], LABELS, same_model=True)
    assert found.changed_per_10k == 0.0
