"""Constrained decoding never breaks a rule, and is the best that does not: held against trying everything."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.batch.ragged import starts_from_counts
from runtime.decode.labels import tags_from_logits
from runtime.decode.viterbi import best_allowed, best_sequence, forbidden
from runtime.text.label_schemes import LabelSet, Weights

SCHEMES = {
    "BIO": ("O", "B-A", "I-A", "B-B", "I-B"),
    "IOB1": ("O", "I-A", "B-B", "I-B"),
    "IOBES": ("O", "B-A", "I-A", "E-A", "S-A"),
    "two IOBES": ("S-B", "O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B"),
    "BILOU": ("B-A", "I-A", "L-A", "U-A", "O"),
    "BMES": ("O", "B-A", "M-A", "E-A", "S-A"),
    "IO": ("O", "I-A", "I-B"),
    "PLAIN": ("O", "A", "B"),
}


def _logits(seed: int, words: int, labels: int) -> NDArray[np.float32]:
    """Logits that break rules everywhere."""
    return np.random.default_rng(seed).normal(0, 2, (words, labels)).astype(np.float32)


def _allowed_sequences(labels: LabelSet, words: int) -> list[tuple[int, ...]]:
    rules = labels.transitions()
    return [
        tags
        for tags in itertools.product(range(len(labels.labels)), repeat=words)
        if rules.first[tags[0]]
        and rules.last[tags[-1]]
        and all(rules.step[one, other] for one, other in itertools.pairwise(tags))
    ]


def _total(logits: NDArray[np.float32], tags: Sequence[int] | NDArray[np.int64]) -> float:
    return float(logits[np.arange(len(tags)), list(tags)].astype(np.float64).sum())


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "two IOBES"])
@pytest.mark.parametrize("words", [1, 2, 3, 5])
def test_it_is_the_best_of_all_allowed_sequences(scheme: str, words: int) -> None:
    labels = LabelSet(SCHEMES[scheme])
    sequences = np.array(_allowed_sequences(labels, words))  # [sequences, words]
    for seed in range(40):
        logits = _logits(seed, words, len(labels.labels))
        best = logits[np.arange(words), sequences].astype(np.float64).sum(axis=1).max()
        found = best_allowed(logits, np.array([0, words]), labels.transitions())
        assert _total(logits, found.tag) == pytest.approx(best, abs=1e-9)


def _plain_viterbi(logits: NDArray[np.float32], labels: LabelSet) -> float:
    """The total of the best allowed sequence, by the textbook and slowly."""
    rules = labels.transitions()
    count = range(len(labels.labels))
    best = [float(logits[0][one]) if rules.first[one] else -np.inf for one in count]
    for word in logits[1:]:
        best = [max(best[one] for one in count if rules.step[one, other]) + float(word[other]) for other in count]
    return max(best[one] for one in count if rules.last[one])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("loudness", [0.2, 1.0, 5.0])
def test_long_sentences_too_are_the_best(scheme: str, loudness: float) -> None:
    labels = LabelSet(SCHEMES[scheme])
    counts = [1, 0, 300, 2, 0, 0, 41, 17, 1]
    word_start = starts_from_counts(counts)
    logits = _logits(len(scheme), sum(counts), len(labels.labels)) * np.float32(loudness)
    found = best_allowed(logits, word_start, labels.transitions())
    for start, end in itertools.pairwise(word_start.tolist()):
        if end > start:
            best = _plain_viterbi(logits[start:end], labels)
            assert _total(logits[start:end], found.tag[start:end]) == pytest.approx(best, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SCHEMES)), st.lists(st.integers(0, 12), max_size=8), st.integers(0, 10**6))
def test_no_rule_is_ever_broken_and_sentences_do_not_meet(scheme: str, counts: list[int], seed: int) -> None:
    labels = LabelSet(SCHEMES[scheme])
    rules = labels.transitions()
    word_start = starts_from_counts(counts)
    logits = _logits(seed, sum(counts), len(labels.labels))
    found = best_allowed(logits, word_start, rules)
    assert not forbidden(found.tag, word_start, rules).any()
    for start, end in itertools.pairwise(word_start.tolist()):
        alone = best_allowed(logits[start:end], np.array([0, end - start]), rules)
        np.testing.assert_array_equal(alone.tag, found.tag[start:end])
        np.testing.assert_array_equal(alone.score, found.score[start:end])


def test_a_sentence_that_breaks_no_rule_keeps_its_labels() -> None:
    labels = LabelSet(SCHEMES["BIO"])
    logits = np.full((4, 5), -1, np.float32)
    logits[[0, 1, 2, 3], [1, 2, 0, 3]] = 3  # B-A I-A O B-B
    free, bound = tags_from_logits(logits), best_allowed(logits, np.array([0, 4]), labels.transitions())
    np.testing.assert_array_equal(free.tag, bound.tag)
    np.testing.assert_array_equal(free.score, bound.score)


def test_score_is_the_probability_of_the_label_chosen() -> None:
    labels = LabelSet(("O", "B-A", "I-A"))
    logits = np.log(np.array([[0.2, 0.3, 0.5]], np.float32))
    found = best_allowed(logits, np.array([0, 1]), labels.transitions())
    assert found.tag.tolist() == [1]
    assert found.score[0] == pytest.approx(0.3)


def test_a_word_without_tokens_does_not_stop_an_entity_from_ending() -> None:
    labels = LabelSet(SCHEMES["IOBES"])
    logits = np.array([[0, 9, 0, 0, 0], [0, -1e4, -1e4, -1e4, -1e4]], np.float32)  # B-A, then surely O
    found = best_allowed(logits, np.array([0, 2]), labels.transitions())
    assert found.tag[1] == 0
    assert not forbidden(found.tag, np.array([0, 2]), labels.transitions()).any()


def test_nothing_to_decode() -> None:
    labels = LabelSet(SCHEMES["BIO"])
    found = best_allowed(np.empty((0, 5), np.float32), np.array([0, 0, 0]), labels.transitions())
    assert len(found.tag) == len(found.score) == 0


def random_crf(seed: int, labels: int) -> Weights:
    """Weights that change many a word's label."""
    chance = np.random.default_rng(seed)
    return Weights(*(chance.normal(0, 2, shape) for shape in ((labels,), (labels, labels), (labels,))))


def _worth(logits: NDArray[np.float32], crf: Weights, tags: Sequence[int] | NDArray[np.int64]) -> float:
    steps = sum(crf.step[one, other] for one, other in itertools.pairwise(tags))
    return _total(logits, tags) + float(crf.first[tags[0]] + steps + crf.last[tags[-1]])


@pytest.mark.parametrize("words", [1, 2, 4])
def test_a_crf_s_sequence_is_the_best_of_all(words: int) -> None:
    for seed in range(25):
        logits, crf = _logits(seed, words, 4), random_crf(seed, 4)
        best = max(_worth(logits, crf, tags) for tags in itertools.product(range(4), repeat=words))
        found = best_sequence(logits, np.array([0, words]), crf, counts=np.ones(words, np.bool_), outside=0)
        assert _worth(logits, crf, found.tag) == pytest.approx(best, abs=1e-9)


def test_a_crf_s_sentences_do_not_touch_and_words_without_tokens_are_no_part_of_them() -> None:
    counts = [3, 0, 1, 6, 2]
    logits, crf = _logits(7, sum(counts), 5), random_crf(3, 5)
    has_token = np.ones(len(logits), np.bool_)
    has_token[[1, 10, 11]] = False  # the last sentence has none at all
    starts = starts_from_counts(np.array(counts))
    found = best_sequence(logits, starts, crf, counts=has_token, outside=2)
    for low, high in itertools.pairwise(starts.tolist()):
        words = low + np.flatnonzero(has_token[low:high])
        alone = best_sequence(
            logits[words], np.array([0, len(words)]), crf, counts=np.ones(len(words), np.bool_), outside=2
        )
        assert found.tag[words].tolist() == alone.tag.tolist()
    assert found.tag[~has_token].tolist() == [2, 2, 2]


def test_rules_hold_within_a_crf() -> None:
    labels, rules = LabelSet(SCHEMES["IOBES"]), LabelSet(SCHEMES["IOBES"]).transitions()
    for seed in range(20):
        logits, crf = _logits(seed, 4, 5), random_crf(seed, 5)
        best = max(_worth(logits, crf, tags) for tags in _allowed_sequences(labels, 4))
        found = best_sequence(logits, np.array([0, 4]), crf.within(rules), counts=np.ones(4, np.bool_), outside=0)
        assert _worth(logits, crf, found.tag) == pytest.approx(best, abs=1e-9)


def test_a_crf_decodes_as_pytorch_crf_does() -> None:
    torch, torchcrf = pytest.importorskip("torch"), pytest.importorskip("torchcrf")
    for seed in range(20):
        counts, crf = [1, 9, 4, 30], random_crf(seed, 7)
        theirs = torchcrf.CRF(7, batch_first=True)
        theirs.load_state_dict(
            {
                name: torch.tensor(values, dtype=torch.float32)
                for name, values in (
                    ("start_transitions", crf.first),
                    ("end_transitions", crf.last),
                    ("transitions", crf.step),
                )
            }
        )
        logits = _logits(seed, sum(counts), 7)
        starts = starts_from_counts(np.array(counts))
        padded, mask = np.zeros((4, 30, 7), np.float32), np.arange(30) < np.array(counts)[:, None]
        padded[mask] = logits
        expected = theirs.decode(torch.tensor(padded), mask=torch.tensor(mask))
        found = best_sequence(logits, starts, crf, counts=np.ones(len(logits), np.bool_), outside=0).tag
        assert [found[a:b].tolist() for a, b in itertools.pairwise(starts.tolist())] == expected
