"""Decoding: what can be asked, and what contradicts itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from runtime.decode.options import AGGREGATIONS, BY_WORD, STRATEGIES, Aggregation, Decoding
from runtime.errors import UsageError


def test_words_are_the_default_and_nothing_is_dropped() -> None:
    assert Decoding() == BY_WORD
    assert (BY_WORD.aggregation, BY_WORD.constrained) == ("word", False)
    assert (dict(BY_WORD.thresholds), list(BY_WORD.ignore)) == ({}, [])


def test_the_default_cannot_be_changed_for_everybody() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        BY_WORD.constrained = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        BY_WORD.thresholds["PER"] = 0.5  # type: ignore[index]


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_every_aggregation_can_be_asked_for(aggregation: Aggregation) -> None:
    assert Decoding(aggregation=aggregation).aggregation == aggregation


def test_an_unknown_aggregation_is_refused_with_those_that_there_are() -> None:
    unknown: Any = "words"
    problem = "aggregation: unknown: 'words'; choose one of word, none, simple, first, average, max"
    with pytest.raises(UsageError, match=problem):
        Decoding(aggregation=unknown)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_constraints_hold_between_words_alone(strategy: Aggregation) -> None:
    assert Decoding(constrained=True).constrained
    with pytest.raises(UsageError, match=f"aggregation '{strategy}' is about tokens; leave one of the two out"):
        Decoding(constrained=True, aggregation=strategy)
