"""Logits -> tags -> entities. Pure, and vectorised over all texts of a call.

A word's label is the most probable one of its first word piece, as in training. It knows nothing of engines or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.entity import Entity
from runtime.spans import LabelSet


@dataclass(frozen=True, slots=True)
class Tags:
    """A label for every word.

    Attributes:
        tag: index of the label chosen. [words]
        score: its probability, 0 to 1. [words]
    """

    tag: NDArray[np.int64]
    score: NDArray[np.float32]


def tags_from_logits(logits: NDArray[np.float32]) -> Tags:
    """The most probable label of each word, and its probability (softmax).

    Args:
        logits: of each word's first piece. [words, labels]
    """
    tag = logits.argmax(axis=1)
    highest = logits.max(axis=1, keepdims=True, initial=-np.inf)
    score = 1 / np.exp(logits - highest).sum(axis=1)
    return Tags(tag, score.astype(np.float32))


def entities_from_tags(
    tags: Tags,
    labels: LabelSet,
    word_start: NDArray[np.int64],
    texts: Sequence[str],
    offsets: Sequence[Sequence[tuple[int, int]]],
) -> list[list[Entity]]:
    """The entities that tags spell, for each text, in order and disjoint.

    Args:
        tags: of the words of all texts. [words]
        labels: the model's.
        word_start: where each text's words start, and, last, where all end. [texts + 1]
        texts: the texts themselves.
        offsets: of each word of each text, in code points.
    """
    first = np.zeros(len(tags.tag), np.bool_)
    first[word_start[:-1][np.diff(word_start) > 0]] = True
    spans = labels.spans(tags.tag, first)
    # reduceat over (start, end) pairs sums each entity by itself: its neighbours cannot change its last digits.
    bounds = np.stack([spans.start, spans.end], axis=1).ravel()
    total = np.add.reduceat(np.append(tags.score, 0).astype(np.float64), bounds)[::2] if len(bounds) else bounds
    scores = total / (spans.end - spans.start)
    text_of_span = np.searchsorted(word_start, spans.start, side="right") - 1
    found: list[list[Entity]] = [[] for _ in texts]
    begin = spans.start - word_start[text_of_span]
    stop = spans.end - word_start[text_of_span]
    columns = (text_of_span, begin, stop, spans.type, scores)
    for text, one, other, kind, score in zip(*(column.tolist() for column in columns)):
        start, end = offsets[text][one][0], offsets[text][other - 1][1]
        found[text].append(Entity(labels.types[kind], texts[text][start:end], start, end, score))
    return found
