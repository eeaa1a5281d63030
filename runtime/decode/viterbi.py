"""Constrained decoding: the most probable label sequence among those that the scheme allows. Pure.

The probability of a sequence is the product of its words' (softmax of the logits of each word's first token), so no
retraining is needed: A. J. Viterbi, "Error bounds for convolutional codes", 1967, with transitions of weight 1 or 0.
A softmax divides all labels of a word by the same sum, so that logits can be added in place of logarithms.

Most words keep their most probable label, and only the surroundings of a broken rule are looked at. That is exact: the
most probable labels outside of a stretch and the best path within it, its ends left free, bound every sequence from
above; where the two fit together, they are the best sequence. Where they do not, the stretch grows.

It knows nothing of texts, types or schemes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts
from runtime.decode.labels import Tags, probability_of, tags_from_logits
from runtime.text.label_schemes import Transitions


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Runs of words within sentences, in order, none touching another. All arrays: [stretches].

    Attributes:
        start, end: first word and one past the last.
        low, high: the same of the sentence around.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def best_allowed(logits: NDArray[np.float32], word_start: NDArray[np.int64], allowed: Transitions) -> Tags:
    """The best allowed label of each word, and the label's probability (softmax, as without constraints).

    Args:
        logits: of each word's first token. [words, labels]
        word_start: where each sentence's words start, and, last, where all end. [sentences + 1]
        allowed: what the scheme allows; a sequence of one label, repeated, must be among it.
    """
    tags = tags_from_logits(logits)
    stretches = _around(np.flatnonzero(forbidden(tags.tag, word_start, allowed)), word_start)
    tag = tags.tag.copy()
    while len(stretches.start):
        words = ranges(stretches.start, stretches.end - stretches.start)
        tag[words] = _paths(logits, stretches, allowed)
        left = (stretches.start > stretches.low) & ~allowed.step[tag[stretches.start - 1], tag[stretches.start]]
        after = np.minimum(stretches.end, len(tag) - 1)
        right = (stretches.end < stretches.high) & ~allowed.step[tag[stretches.end - 1], tag[after]]
        if not (left | right).any():
            break
        stretches = _grown(stretches, left, right)
    changed = np.flatnonzero(tag != tags.tag)
    score = tags.score.copy()
    score[changed] = probability_of(logits[changed], tag[changed])
    return Tags(tag, score)


def forbidden(tag: NDArray[np.int64], word_start: NDArray[np.int64], allowed: Transitions) -> NDArray[np.bool_]:
    """Whether a word breaks a rule: with the word before it, or as the first or last of its sentence. [words]

    Args:
        tag: label index of each word. [words]
        word_start: where each sentence's words start, and, last, where all end. [sentences + 1]
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
    """Each of these words and the one before it."""
    sentence = np.searchsorted(word_start, words, side="right") - 1
    low, high = word_start[sentence], word_start[sentence + 1]
    return _merged(_Stretches(np.maximum(words - 1, low), words + 1, low, high))


def _grown(stretches: _Stretches, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> _Stretches:
    """Stretches made twice as long, to the sides where they do not fit. Doubling makes few rounds of it."""
    size = stretches.end - stretches.start
    start = np.maximum(stretches.low, stretches.start - np.where(left, size, 0))
    end = np.minimum(stretches.high, stretches.end + np.where(right, size, 0))
    return _merged(_Stretches(start, end, stretches.low, stretches.high))


def _merged(stretches: _Stretches) -> _Stretches:
    """Stretches of one sentence that overlap or touch made one."""
    order = np.argsort(stretches.start, kind="stable")  # one that grew may begin before its neighbour now
    start, low, high = stretches.start[order], stretches.low[order], stretches.high[order]
    reach = np.maximum.accumulate(stretches.end[order])
    apart = np.ones(len(reach), np.bool_)
    apart[1:] = (start[1:] > reach[:-1]) | (low[1:] != low[:-1])
    last = np.append(apart[1:], True)[: len(apart)]
    return _Stretches(start[apart], reach[last], low[apart], high[apart])


def _paths(logits: NDArray[np.float32], stretches: _Stretches, allowed: Transitions) -> NDArray[np.int64]:
    """The best label of each word of each stretch, one stretch after another. [words of stretches]

    All stretches take a step at once; the longest come first, so that those not at their end yet are a prefix.
    """
    size = stretches.end - stretches.start
    order = np.argsort(-size, kind="stable")
    first, count = stretches.start[order], size[order]
    steps = np.arange(1, count[0])
    active = np.searchsorted(-count, -steps, side="left")
    rows = starts_from_counts(active)
    before = np.empty((rows[-1], logits.shape[1]), np.int16)  # the best label before each
    barred = _weight(allowed.step)
    opens = (first == stretches.low[order])[:, None]
    closes = (stretches.end == stretches.high)[order][:, None]
    score = logits[first] + np.where(opens, _weight(allowed.first), 0.0)  # [stretches, labels]
    for step, running, row in zip(steps.tolist(), active.tolist(), rows.tolist()):
        through = score[:running, :, None] + barred  # [stretches, from, to]
        best = through.argmax(axis=1)
        before[row : row + running] = best
        score[:running] = np.take_along_axis(through, best[:, None], axis=1)[:, 0] + logits[first[:running] + step]
    tag = (score + np.where(closes, _weight(allowed.last), 0.0)).argmax(axis=1)
    place = starts_from_counts(size)[order]
    path = np.empty(int(size.sum()), np.int64)
    for step, running, row in reversed(list(zip(steps.tolist(), active.tolist(), rows.tolist()))):
        path[place[:running] + step] = tag[:running]
        tag[:running] = before[row + np.arange(running), tag[:running]]
    path[place] = tag
    return path


def _weight(allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(allowed, 0.0, -np.inf)
