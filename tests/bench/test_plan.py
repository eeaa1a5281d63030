"""The two plans."""

from __future__ import annotations

from bench.plan import FULL, QUICK


def test_the_full_plan_measures_more_than_the_quick_one() -> None:
    assert FULL.rounds > QUICK.rounds
    assert FULL.documents
    assert FULL.large_sentences
    assert not QUICK.documents
    assert not QUICK.large_sentences


def test_every_round_has_texts_of_its_own() -> None:
    for plan in (FULL, QUICK):
        assert plan.latency_calls > 0
        assert plan.latency_rounds > 1
        assert plan.latency_words[0] == 0  # sentences as they are come first: they are the table's first columns
