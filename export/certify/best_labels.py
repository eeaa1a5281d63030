"""Logits -> labels, of the checkpoint and of a candidate: the largest, or with a CRF the best sequence.

The candidate's are found by the code that serves it. Nothing of runtime.decode computes the checkpoint's, so that no
fault of it can be on both sides: one sentence at a time, one word after another, as the textbook has it (G. D. Forney,
"The Viterbi algorithm", Proceedings of the IEEE 61, 1973).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runtime.decode.viterbi import best_sequence
from runtime.text.label_names import OUTSIDE
from runtime.text.label_schemes import LabelSet, Weights

Words = Sequence[Sequence[str]]


def labels_of_checkpoint(logits: NDArray[np.float32], texts: Words, labels: LabelSet) -> NDArray[np.int64]:
    """Label index of each word; a word that the checkpoint gives no token is outside. [words]

    Args:
        logits: NaN for a word without a token. [words, labels]
        texts: the words of each text.
        labels: the checkpoint's.
    """
    known, outside = has_token(logits), labels.labels.index(OUTSIDE)
    if labels.crf is None:
        return np.where(known, logits.argmax(axis=1), outside)
    found = np.full(len(logits), outside, np.int64)
    for start, end in itertools.pairwise(starts_of(texts)):
        words = start + np.flatnonzero(known[start:end])
        found[words] = best_path(logits[words], labels.crf)
    return found


def labels_of_candidate(
    expected: NDArray[np.float32], found: NDArray[np.float32], texts: Words, labels: LabelSet
) -> NDArray[np.int64]:
    """The same of a candidate's logits, by the code that serves it. [words]

    Args:
        expected: the checkpoint's. [words, labels]
        found: the candidate's. [words, labels]
        texts, labels: as above.
    """
    outside = labels.labels.index(OUTSIDE)
    if labels.crf is None:
        return np.where(has_token(found), found.argmax(axis=1), outside)
    starts = np.array(starts_of(texts))
    return best_sequence(found, starts, labels.crf, counts=has_token(expected), outside=outside).tag


def has_token(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each word has a token, and so logits that are numbers. [words]"""
    known: NDArray[np.bool_] = np.logical_not(np.isnan(logits).any(axis=1))
    return known


def starts_of(texts: Words) -> list[int]:
    """Number of each text's first word, and the number of all words. [texts + 1]"""
    return [0, *itertools.accumulate(map(len, texts))]


def best_path(logits: NDArray[np.float32], crf: Weights) -> list[int]:
    """Label index of each word of one sentence.

    Args:
        logits: of its words. [words, labels]
        crf: the CRF's weights.
    """
    if not len(logits):
        return []
    reached = crf.first + logits[0]
    came_from = []
    for emitted in logits[1:]:
        candidates = reached[:, None] + crf.step
        came_from.append(candidates.argmax(axis=0))
        reached = candidates.max(axis=0) + emitted
    path = [int((reached + crf.last).argmax())]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return path[::-1]
