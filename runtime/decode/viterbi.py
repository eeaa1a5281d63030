"""Constrained decoding: the most probable label sequence among those that the label scheme allows.

The probability of a sequence is the product of its words' probabilities (softmax of the logits of each word's first
token), so the model need not be trained again: A. J. Viterbi, "Error bounds for convolutional codes", 1967, with
transitions of weight 1 or 0. A softmax divides all labels of a word by the same sum, so logits are added in place of
logarithms of probabilities.

Most sentences break no rule and keep their most probable labels. Viterbi's algorithm runs only on stretches: the words
around a broken rule. The result is exact. Take the most probable labels outside of a stretch, and inside it the best
path with free ends: no allowed sequence has a higher probability than the two together. If they fit together at the
stretch's ends, they are an allowed sequence, and so the best one. If they do not fit, the stretch grows.

A CRF gives sequences weights of its own, beside the logits: best_sequence. Then every sentence is a stretch.

The module does not know texts, entity types or label schemes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts
from runtime.decode.labels import Tags, probability_of, tags_from_logits
from runtime.text.label_schemes import Transitions, Weights

# Of what is allowed: as good as anything else.
_FREE = Weights(np.zeros(()), np.zeros(()), np.zeros(()))
# Sums of sentences that are made at once, each of the size labels x labels: 32 MB.
_SUMS = 1 << 22


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Runs of words inside sentences, in order; two of them neither overlap nor touch. All arrays: [stretches].

    Attributes:
        start, end: number of the first word, and of the last plus one.
        low, high: the same of the sentence that the stretch lies in.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def best_allowed(logits: NDArray[np.float32], word_start: NDArray[np.int64], allowed: Transitions) -> Tags:
    """The labels of each sentence's best allowed sequence, and their probabilities (softmax, without constraints).

    Args:
        logits: logits of each word's first token. [words, labels]
        word_start: number of each sentence's first word, and the number of all words. [sentences + 1]
        allowed: the allowed sequences. At least one label must be allowed alone and repeated, so that every sentence
            has an allowed sequence; "O" always is.
    """
    tags = tags_from_logits(logits)
    stretches = _around(np.flatnonzero(forbidden(tags.tag, word_start, allowed)), word_start)
    tag, weights = tags.tag.copy(), _FREE.within(allowed)
    while len(stretches.start):
        # Each round solves all stretches anew. It ends at the latest when they are whole sentences, which always fit.
        words = ranges(stretches.start, stretches.end - stretches.start)
        tag[words] = _paths(logits, stretches, weights)
        left = (stretches.start > stretches.low) & ~allowed.step[tag[stretches.start - 1], tag[stretches.start]]
        after = np.minimum(stretches.end, len(tag) - 1)
        right = (stretches.end < stretches.high) & ~allowed.step[tag[stretches.end - 1], tag[after]]
        if not (left | right).any():
            break
        stretches = _grown(stretches, left, right)
    # Words that kept their label keep their score, which spares most of the softmaxes.
    changed = np.flatnonzero(tag != tags.tag)
    score = tags.score.copy()
    score[changed] = probability_of(logits[changed], tag[changed])
    return Tags(tag, score)


def best_sequence(
    logits: NDArray[np.float32],
    word_start: NDArray[np.int64],
    weights: Weights,
    *,
    counts: NDArray[np.bool_],
    outside: int,
) -> Tags:
    """The labels of each sentence's best sequence by a CRF, and their probabilities (softmax, without the CRF).

    Args:
        logits: logits of each word's first token. [words, labels]
        word_start: number of each sentence's first word, and the number of all words. [sentences + 1]
        weights: of the CRF.
        counts: whether the word has a token; one that has none is no part of a sequence, as in training. [words]
        outside: the label of words that do not count.
    """
    words = np.flatnonzero(counts)
    given, start = logits[words], np.searchsorted(words, word_start)
    low, high = start[:-1][np.diff(start) > 0], start[1:][np.diff(start) > 0]
    found = tags_from_logits(given).tag
    at_once = max(1, _SUMS // logits.shape[1] ** 2)
    for first in range(0, len(low), at_once):
        begin, end = low[first : first + at_once], high[first : first + at_once]
        found[begin[0] : end[-1]] = _paths(given, _Stretches(begin, end, begin, end), weights)
    tag = np.full(len(logits), outside, np.int64)
    tag[words] = found
    return Tags(tag, probability_of(logits, tag))


def forbidden(tag: NDArray[np.int64], word_start: NDArray[np.int64], allowed: Transitions) -> NDArray[np.bool_]:
    """Whether a word's label breaks a rule: after the word before it, or as first or last of its sentence. [words]

    Args:
        tag: label index of each word. [words]
        word_start: number of each sentence's first word, and the number of all words. [sentences + 1]
        allowed: the rules.
    """
    full = np.diff(word_start) > 0
    first, last = word_start[:-1][full], word_start[1:][full] - 1
    broken = np.zeros(len(tag), np.bool_)
    broken[1:] = ~allowed.step[tag[:-1], tag[1:]]
    broken[first] = ~allowed.first[tag[first]]
    broken[last] |= ~allowed.last[tag[last]]
    return broken


def _around(words: NDArray[np.int64], word_start: NDArray[np.int64]) -> _Stretches:
    """Stretches of each of these words and the word before it, within its sentence."""
    sentence = np.searchsorted(word_start, words, side="right") - 1
    low, high = word_start[sentence], word_start[sentence + 1]
    return _merged(_Stretches(np.maximum(words - 1, low), words + 1, low, high))


def _grown(stretches: _Stretches, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> _Stretches:
    """Stretches that are longer by their own length on each side where they do not fit; doubling keeps rounds few."""
    size = stretches.end - stretches.start
    start = np.maximum(stretches.low, stretches.start - np.where(left, size, 0))
    end = np.minimum(stretches.high, stretches.end + np.where(right, size, 0))
    return _merged(_Stretches(start, end, stretches.low, stretches.high))


def _merged(stretches: _Stretches) -> _Stretches:
    """The same stretches, with those of one sentence that overlap or touch joined into one."""
    order = np.argsort(stretches.start, kind="stable")  # a stretch that grew may now begin before its neighbor
    start, low, high = stretches.start[order], stretches.low[order], stretches.high[order]
    reach = np.maximum.accumulate(stretches.end[order])
    apart = np.ones(len(reach), np.bool_)
    apart[1:] = (start[1:] > reach[:-1]) | (low[1:] != low[:-1])
    last = np.append(apart[1:], True)[: len(apart)]
    return _Stretches(start[apart], reach[last], low[apart], high[apart])


def _paths(logits: NDArray[np.float32], stretches: _Stretches, weights: Weights) -> NDArray[np.int64]:
    """The labels of the best path through each stretch, one stretch after another. [words of stretches]

    All stretches go forward by one word at a time, together. They are sorted by falling length, so that those that
    still have words are always the first rows of the arrays.
    """
    size = stretches.end - stretches.start
    order = np.argsort(-size, kind="stable")
    first, count = stretches.start[order], size[order]
    steps = np.arange(1, count[0])
    active = np.searchsorted(-count, -steps, side="left")
    rows = starts_from_counts(active)
    before = np.empty((rows[-1], logits.shape[1]), np.int16)  # the best label of the word before, for each label
    # Weights of the first and the last word count only where a stretch reaches an end of its sentence.
    opens = (first == stretches.low[order])[:, None]
    closes = (stretches.end == stretches.high)[order][:, None]
    score = logits[first] + np.where(opens, weights.first, 0.0)  # [stretches, labels]
    for step, running, row in zip(steps.tolist(), active.tolist(), rows.tolist()):
        through = score[:running, :, None] + weights.step  # [stretches, from, to]
        best = through.argmax(axis=1)
        before[row : row + running] = best
        score[:running] = np.take_along_axis(through, best[:, None], axis=1)[:, 0] + logits[first[:running] + step]
    tag = (score + np.where(closes, weights.last, 0.0)).argmax(axis=1)
    place = starts_from_counts(size)[order]
    path = np.empty(int(size.sum()), np.int64)
    for step, running, row in reversed(list(zip(steps.tolist(), active.tolist(), rows.tolist()))):
        path[place[:running] + step] = tag[:running]
        tag[:running] = before[row + np.arange(running), tag[:running]]
    path[place] = tag
    return path
