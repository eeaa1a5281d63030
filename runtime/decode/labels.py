"""Logits -> labels -> entities, for all texts of a call at once.

A word has the most probable label of its first token, as in training. The module does not know backends or files.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges
from runtime.errors import UsageError
from runtime.text.entity import Entity, entities_of_columns
from runtime.text.label_schemes import OUTSIDE, LabelSet, Spans


@dataclass(frozen=True, slots=True)
class Tags:
    """The label of each word.

    Attributes:
        tag: index of the label. [words]
        score: probability of the label, 0 to 1. [words]
    """

    tag: NDArray[np.int64]
    score: NDArray[np.float32]


def tags_from_logits(logits: NDArray[np.float32]) -> Tags:
    """The most probable label of each word, with its probability (softmax).

    Args:
        logits: logits of each word's first token. [words, labels]
    """
    tag = logits.argmax(axis=1)
    return Tags(tag, probability_of(logits, tag))


def probability_of(logits: NDArray[np.float32], tag: NDArray[np.int64]) -> NDArray[np.float32]:
    """Probability (softmax) of one label of each word. [words]

    Args:
        logits: logits of each word. [words, labels]
        tag: index of the word's label. [words]
    """
    chosen = logits[np.arange(len(tag)), tag][:, None]
    # Where the exponential of a difference overflows to infinity, the probability is 1 / infinity = 0, which is right.
    with np.errstate(over="ignore"):
        probability: NDArray[np.float32] = (1 / np.exp(logits - chosen).sum(axis=1)).astype(np.float32)
    return probability


def largest_probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability (softmax) of each token's most probable label: as `probability_of`, in half as many steps. [tokens]

    Args:
        logits: finite logits of each token. [tokens, labels]
    """
    # Ufuncs by themselves: an array's own methods are Python, which takes longer than they do for a single text.
    # An overflow, of the difference to minus infinity, is the probability 0, which is right.
    with np.errstate(over="ignore"):
        below = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
        probability: NDArray[np.float32] = np.reciprocal(np.add.reduce(np.exp(below), axis=1))
    return probability


def joined(parts: Sequence[Tags]) -> Tags:
    """The parts as one, in order."""
    if len(parts) == 1:
        return parts[0]
    tag = np.concatenate([np.empty(0, np.int64), *(part.tag for part in parts)])
    return Tags(tag, np.concatenate([np.empty(0, np.float32), *(part.score for part in parts)]))


def least_scores(labels: LabelSet, thresholds: Mapping[str, float], ignore: Collection[str]) -> NDArray[np.float64]:
    """For each entity type, the score below which entities are dropped; infinity for an ignored type. [types]

    Args:
        labels: labels of the model.
        thresholds: entity type -> smallest score, 0 to 1.
        ignore: entity types that are dropped.

    Raises:
        UsageError: a name is not one of the model's entity types, or a threshold is not from 0 to 1.
    """
    known = f"choose among {', '.join(labels.types) or 'none: this model has no entity types'}"
    for option, names in (("thresholds", thresholds), ("ignore", ignore)):
        if isinstance(names, str):
            # "PER" would be read as the types P, E and R.
            raise UsageError(option, f"{names!r} is a string", "give a collection of entity types")
        if unknown := [name for name in names if name not in labels.types]:
            raise UsageError(option, f"no entity type {unknown[0]!r} in this model", known)
    for name, least in thresholds.items():
        if not 0 <= least <= 1:
            raise UsageError("thresholds", f"{name} {least}", "give a probability, from 0 to 1")
    return np.array([np.inf if name in ignore else thresholds.get(name, 0.0) for name in labels.types])


def scored_spans(tags: Tags, labels: LabelSet, word_start: NDArray[np.int64]) -> tuple[Spans, NDArray[np.float64]]:
    """Entities of all texts as runs of words, and the mean of their words' scores. [entities]"""
    first = np.zeros(len(tags.tag), np.bool_)
    first[word_start[:-1][np.diff(word_start) > 0]] = True
    spans = labels.spans(tags.tag, first)
    return spans, means(tags.score, spans.start, spans.end)


def means(values: NDArray[np.float32], start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of the values of each run. [runs]

    Args:
        values: all values.
        start, end: number of each run's first value, and of its last plus one. Runs are in order, disjoint, not empty.
    """
    if not len(start):
        return np.empty(0)
    # Each run is summed alone. Differences of one long running sum would have other last digits in other company.
    bounds = np.empty(2 * len(start), np.int64)
    bounds[::2], bounds[1::2] = start, end
    total: NDArray[np.float64] = np.add.reduceat(np.append(values, 0).astype(np.float64), bounds)[::2]
    return total / (end - start)


def entities_from_tags(
    tags: Tags,
    labels: LabelSet,
    word_start: NDArray[np.int64],
    sentence_word: NDArray[np.int64],
    texts: Sequence[str],
    bounds: NDArray[np.int32],
    *,
    least: NDArray[np.float64],
) -> list[list[Entity]]:
    """The entities of each text, in order and disjoint.

    Args:
        tags: labels of the words of all texts.
        labels: labels of the model.
        word_start: number of each text's first word, and the number of all words. [texts + 1]
        sentence_word: number of each sentence's first word, and the number of all words. An entity lies within one
            sentence. [sentences + 1]
        texts: the texts.
        bounds: number of each word's first code point in its text, and of its last plus one. [words, 2]
        least: see least_scores. [types]
    """
    spans, score = scored_spans(tags, labels, sentence_word)
    kept = score >= least[spans.type]
    first, last, kind = spans.start[kept], spans.end[kept] - 1, spans.type[kept]
    text = np.searchsorted(word_start, first, side="right") - 1
    names = np.array(labels.types, dtype=object)[kind]
    return entity_lists(texts, text, names, bounds[first, 0], bounds[last, 1], score[kept])


def entity_lists(
    texts: Sequence[str],
    text: NDArray[np.int64],
    names: NDArray[np.object_],
    start: NDArray[np.int32],
    end: NDArray[np.int32],
    score: NDArray[np.float64],
) -> list[list[Entity]]:
    """Entities, given as arrays with an element for each, as lists for each text.

    Args:
        texts: the texts.
        text: number of the entity's text, not falling. [entities]
        names: label. [entities]
        start, end: number of the first code point in the text, and of the last plus one. [entities]
        score: score. [entities]
    """
    # As lists: Python reads the elements of a list faster than those of an array.
    columns = [column.tolist() for column in (start, end, score)]
    places = zip(text.tolist(), *columns[:2])
    found = entities_of_columns(names.tolist(), [texts[number][begin:stop] for number, begin, stop in places], *columns)
    borders = np.searchsorted(text, np.arange(len(texts) + 1)).tolist()
    return [found[first:last] for first, last in itertools.pairwise(borders)]


def without_dropped(
    tags: Tags, labels: LabelSet, word_start: NDArray[np.int64], *, least: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Label index of each word; words of dropped entities get "O". [words]

    Args:
        tags, labels, least: see entities_from_tags.
        word_start: number of the first word of each text or sentence, and the number of all words.
    """
    spans, score = scored_spans(tags, labels, word_start)
    dropped = score < least[spans.type]
    tag = tags.tag.copy()
    tag[ranges(spans.start[dropped], (spans.end - spans.start)[dropped])] = labels.labels.index(OUTSIDE)
    return tag
