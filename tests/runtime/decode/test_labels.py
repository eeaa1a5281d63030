"""Tags become entities; thresholds and ignored types drop the right ones, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime.decode.labels import (
    Tags,
    entities_from_tags,
    joined,
    largest_probability,
    least_scores,
    means,
    probability_of,
    scored_spans,
    tags_from_logits,
    without_dropped,
)
from runtime.errors import UsageError
from runtime.text.label_schemes import LabelSet

LABELS = LabelSet(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
TEXT = "Maria Keller saw Oslo"
BOUNDS = np.array([(0, 5), (6, 12), (13, 16), (17, 21)], np.int32)
TAGS = Tags(np.array([3, 4, 0, 1]), np.array([0.9, 0.7, 0.99, 0.5], np.float32))
START = np.array([0, 4])


def _found(least: list[float]) -> list[tuple[str, str, float]]:
    [entities] = entities_from_tags(TAGS, LABELS, START, START, [TEXT], BOUNDS, least=np.array(least))
    assert all(TEXT[entity.start : entity.end] == entity.text for entity in entities)
    return [(entity.label, entity.text, round(entity.score, 4)) for entity in entities]


def test_entities_and_their_mean_scores() -> None:
    assert _found([0, 0]) == [("PER", "Maria Keller", 0.8), ("LOC", "Oslo", 0.5)]


def test_entities_below_their_threshold_are_dropped() -> None:
    assert LABELS.types == ("LOC", "PER")
    assert _found([0.5, 0.81]) == [("LOC", "Oslo", 0.5)]
    assert _found([0.51, 0.79]) == [("PER", "Maria Keller", 0.8)]
    assert _found([math.inf, math.inf]) == []


def test_words_of_dropped_entities_are_outside() -> None:
    assert without_dropped(TAGS, LABELS, START, least=np.array([0, 0.81])).tolist() == [0, 0, 0, 1]
    assert without_dropped(TAGS, LABELS, START, least=np.array([math.inf, 0])).tolist() == [3, 4, 0, 0]
    # A score that is the threshold is not below it.
    assert without_dropped(TAGS, LABELS, START, least=np.array([0.5, 0])).tolist() == [3, 4, 0, 1]
    assert TAGS.tag.tolist() == [3, 4, 0, 1]


def test_least_scores_by_type() -> None:
    assert least_scores(LABELS, {}, ()).tolist() == [0, 0]
    assert least_scores(LABELS, {"PER": 0.8}, {"LOC"}).tolist() == [math.inf, 0.8]
    assert least_scores(LABELS, {"PER": 0.8}, ["PER"]).tolist() == [0, math.inf]


@pytest.mark.parametrize(
    ("thresholds", "ignore", "message"),
    [
        ({"PERSON": 0.5}, (), r"thresholds: no entity type 'PERSON' in this model; choose among LOC, PER"),
        ({}, ("B-PER",), r"ignore: no entity type 'B-PER' in this model; choose among LOC, PER"),
        ({"PER": 1.5}, (), r"thresholds: PER 1.5; give a probability, from 0 to 1"),
        ({"PER": -0.1}, (), r"from 0 to 1"),
        ({"PER": math.nan}, (), r"from 0 to 1"),
        ({}, "PER", r"ignore: 'PER' is a string; give a collection of entity types"),
    ],
)
def test_unknown_names_and_impossible_thresholds(thresholds: dict[str, float], ignore: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        least_scores(LABELS, thresholds, ignore)


def test_an_entity_ends_with_its_text() -> None:
    tags = Tags(np.array([3, 4, 4, 4]), np.ones(4, np.float32))
    spans, _ = scored_spans(tags, LABELS, np.array([0, 0, 2, 2, 4]))
    assert (spans.start.tolist(), spans.end.tolist()) == ([0, 2], [2, 4])


def test_probability_is_a_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50, 5)).astype(np.float32)
    expected = np.exp(logits.astype(np.float64))
    expected /= expected.sum(axis=1, keepdims=True)
    tags = tags_from_logits(logits)
    np.testing.assert_array_equal(tags.tag, logits.argmax(axis=1))
    np.testing.assert_allclose(tags.score, expected.max(axis=1), rtol=1e-5)
    for label in range(5):
        found = probability_of(logits, np.full(50, label))
        np.testing.assert_allclose(found, expected[:, label], rtol=1e-5)


def test_probability_of_what_cannot_be_is_zero() -> None:
    logits = np.array([[0, -1e4], [1e4, 0]], np.float32)
    assert probability_of(logits, np.array([1, 1])).tolist() == [0, 0]
    assert probability_of(logits, np.array([0, 0])).tolist() == [1, 1]


def test_the_largest_probability_is_the_same_in_fewer_steps() -> None:
    logits = np.array([[3e38, -3e38, 0], [1, 2, 3], [0, 0, 0]], np.float32)
    assert largest_probability(logits).tobytes() == probability_of(logits, logits.argmax(1)).tobytes()


def test_mean_of_a_run_does_not_depend_on_its_neighbors() -> None:
    values = np.random.default_rng(1).random(1000).astype(np.float32)
    start = np.arange(0, 1000, 7)
    end = np.minimum(start + 5, 1000)
    expected = [values[one:other].astype(np.float64).mean() for one, other in zip(start, end)]
    found = means(values, start, end)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    alone = [means(values[one:other], np.array([0]), np.array([other - one]))[0] for one, other in zip(start, end)]
    assert found.tolist() == alone


def test_nothing_at_all() -> None:
    empty = tags_from_logits(np.empty((0, 5), np.float32))
    for texts in ([], [""]):
        starts, bounds = np.zeros(len(texts) + 1, np.int64), np.empty((0, 2), np.int32)
        found = entities_from_tags(empty, LABELS, starts, np.zeros(1, np.int64), texts, bounds, least=np.zeros(2))
        assert found == [[] for _ in texts]
    assert len(joined([]).tag) == len(joined([empty, empty]).score) == 0
    assert len(means(np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64))) == 0
