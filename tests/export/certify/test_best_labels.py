"""The checkpoint's own answer with a CRF, held against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from export.certify.best_labels import (
    best_path,
    has_token,
    labels_of_candidate,
    labels_of_checkpoint,
    starts_of,
)
from runtime.text.label_schemes import LabelSet
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


NAMES = ("B-PER", "O", "I-PER")
NO = [np.nan] * 3
LOGITS = np.array([[3, 0, 0], NO, [0, 1, 2], [0, 2, 1], NO, [1, 0, 5]], np.float32)
TEXTS = [("Ada", "\u200b", "Byron"), (), ("in",), ("\u200b", "x")]


def test_words_without_a_token_are_outside_and_others_have_their_largest_logit() -> None:
    labels = LabelSet(NAMES)
    assert labels_of_checkpoint(LOGITS, TEXTS, labels).tolist() == [0, 1, 2, 1, 1, 2]
    assert labels_of_candidate(LOGITS, LOGITS, TEXTS, labels).tolist() == [0, 1, 2, 1, 1, 2]
    # By the candidate's own logits, not the checkpoint's.
    assert labels_of_candidate(LOGITS, LOGITS[::-1], TEXTS, labels).tolist() == [2, 1, 1, 2, 1, 0]
    assert has_token(LOGITS).tolist() == [True, False, True, True, False, True]
    assert has_token(np.array([[np.nan, 1.0]], np.float32)).tolist() == [False]
    assert starts_of(TEXTS) == [0, 3, 3, 4, 6]


@pytest.mark.parametrize("seed", range(8))
def test_with_a_crf_each_text_has_a_sequence_of_its_own(seed: int) -> None:
    crf = random_crf(seed, 3)
    labels = LabelSet(NAMES, crf=crf)
    expected = [1] * 6
    for words in ([0, 2], [3], [5]):
        for word, label in zip(words, best_path(LOGITS[words], crf)):
            expected[word] = label
    assert labels_of_checkpoint(LOGITS, TEXTS, labels).tolist() == expected
    assert labels_of_candidate(LOGITS, LOGITS, TEXTS, labels).tolist() == expected
