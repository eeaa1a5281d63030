"""Sentences that are joined for training: all are there, in their order, in texts that fit."""

from __future__ import annotations

import pytest

from runtime.text.conll import Sentence
from train.joined import with_joined

SENTENCES = [
    Sentence(tuple(f"{number}.{word}" for word in range(5 + number % 20)), ("O",) * (5 + number % 20))
    for number in range(400)
]


def joined(share: float, *, seed: int = 1, max_length: int = 512) -> list[Sentence]:
    return with_joined(SENTENCES, share=share, seed=seed, max_length=max_length)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_every_word_stays_in_its_place_with_its_label(share: float) -> None:
    texts = joined(share)
    assert [word for text in texts for word in text.words] == [word for one in SENTENCES for word in one.words]
    assert all(len(text.words) == len(text.labels) for text in texts)


def test_about_that_share_is_in_texts_of_several() -> None:
    assert joined(0.0) == SENTENCES
    alone = set(SENTENCES) & set(joined(0.3))
    assert 0.6 < len(alone) / len(SENTENCES) < 0.8
    assert len(set(SENTENCES) & set(joined(1.0))) < 5


def test_texts_are_of_many_lengths_and_fit_the_model() -> None:
    lengths = sorted(len(text.words) for text in joined(1.0))
    assert lengths[1] < 60
    assert lengths[-1] > 120
    assert max(len(text.words) for text in joined(1.0, max_length=64)) <= 32


def test_the_seed_decides() -> None:
    assert joined(0.5) == joined(0.5)
    assert joined(0.5) != joined(0.5, seed=2)


def test_a_sentence_longer_than_the_model_stays_by_itself() -> None:
    long = Sentence(("word",) * 90, ("O",) * 90)
    assert with_joined([long, *SENTENCES[:3], long], share=1.0, seed=1, max_length=64)[0] == long
