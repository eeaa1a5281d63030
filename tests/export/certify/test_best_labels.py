"""The checkpoint's own answer with a CRF, held against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from export.certify.best_labels import best_path
from tests.runtime.decode.test_viterbi import random_crf


@pytest.mark.parametrize("words", [1, 2, 5])
def test_it_is_the_best_of_all_sequences(words: int) -> None:
    for seed in range(10):
        chance, crf = np.random.default_rng(seed), random_crf(seed, 4)
        logits = chance.normal(0, 2, (words, 4)).astype(np.float32)
        worth = {
            tags: crf.first[tags[0]]
            + sum(logits[word, tag] for word, tag in enumerate(tags))
            + sum(crf.step[pair] for pair in itertools.pairwise(tags))
            + crf.last[tags[-1]]
            for tags in itertools.product(range(4), repeat=words)
        }
        best = max(worth.values())
        assert best_path(logits, crf) == next(list(tags) for tags, each in worth.items() if each == best)


def test_no_words_have_no_labels() -> None:
    assert best_path(np.empty((0, 3), np.float32), random_crf(0, 3)) == []
