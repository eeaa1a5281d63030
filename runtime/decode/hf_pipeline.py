"""Tokens of whole texts -> entities, by the five strategies of transformers' token-classification pipeline.

    none      each token is an entity, with its whole label, such as B-PER
    simple    neighboring tokens of one type are an entity
    first     neighboring words of one type are an entity; a word has the label of its first token
    average   the same; a word has the label with the highest mean probability over its tokens
    max       the same; a word has the label of the token with the highest probability

Spans, labels and scores equal those of `pipeline(..., aggregation_strategy=...)` in transformers 4.57, for users who
want to change the backend and nothing else. The faults are the same, too; runtime.decode.labels does not have them:

- The model gets the whole text, where training gave it words. "U.S." becomes four words, "3,000" three.
- Words are guessed. With a "##" prefix, punctuation and its neighbors are words of their own. Without one, everything
  between two spaces is one word, with its full stops and brackets.
- With some tokenizers (Metaspace, and byte-level ones that do not trim), an entity begins with the space before it.
- Two byte-level tokens can share a character, and then two entities share it. A token can stand for no character, and
  then the text of its entity is empty. `disjoint` mends this for those who promise that entities are disjoint.
- Only the prefixes B and I are known. Entities of IOBES or BILOU fall apart: each E, S, L or U is one by itself.

Two things differ on purpose. A text longer than the model is not cut off: its windows overlap, each token is answered
where it has the most context, and the strategies work on the whole text; the pipeline with `stride` takes the longer or
more probable one of two entities that overlap. And Entity.text is always text[start:end]; the pipeline puts its `word`
together from tokens.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtime.decode.labels import entity_lists, means
from runtime.decode.options import Strategy
from runtime.encode.hf_pipeline import RawTokens
from runtime.text.entity import Entity
from runtime.text.label_schemes import OUTSIDE


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of the labels of each token. [tokens, labels]"""
    # The largest logit is taken off first, so that no exponential overflows.
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups that the pipeline makes of texts, in order: entities, and the groups outside of entities.

    A group is made of units: tokens, or words as the pipeline guesses them.

    Attributes:
        first, last: number of each group's first and last token. [groups]
        tag: label of its first unit. [groups]
        score: mean of the scores of its units. [groups]
        units: number of each unit's first token. [units]
        of_tokens: whether units are tokens.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    tag: NDArray[np.int64]
    score: NDArray[np.float64]
    units: NDArray[np.int64]
    of_tokens: bool


def groups_from_tokens(
    probabilities: NDArray[np.float32], tokens: RawTokens, labels: Sequence[str], strategy: Strategy
) -> Groups:
    """The groups that the pipeline makes of tokens; see entities_from_tokens for the arguments."""
    by_token = strategy in ("none", "simple")
    # The first token of a text is never a continuation, even where its place makes it look like one.
    opens = by_token | ~tokens.subword | _first_of_texts(tokens.text_start, len(tokens.ids))
    unit = np.flatnonzero(opens)
    unit_end = np.append(unit[1:], len(opens))[: len(unit)]
    tag, score = _choose(probabilities, unit, unit_end, strategy)
    group = np.arange(len(unit)) if strategy == "none" else _groups(tag, labels, unit, tokens)
    group_end = np.append(group[1:], len(unit))[: len(group)]
    return Groups(unit[group], unit_end[group_end - 1] - 1, tag[group], means(score, group, group_end), unit, by_token)


def group_names(labels: Sequence[str], strategy: Strategy) -> NDArray[np.object_]:
    """The pipeline's name of a group with each label: the entity type, or the whole label with "none". [labels]"""
    return np.array(labels if strategy == "none" else [label.split("-", 1)[-1] for label in labels], dtype=object)


def entities_from_tokens(
    probabilities: NDArray[np.float32],
    tokens: RawTokens,
    labels: Sequence[str],
    texts: Sequence[str],
    *,
    strategy: Strategy,
    least: NDArray[np.float64],
    outside: bool = False,
) -> list[list[Entity]]:
    """The entities of each text, as the pipeline finds them.

    Args:
        probabilities: probabilities of the labels of each token. [tokens, labels]
        tokens: tokens of all texts.
        labels: names of the labels.
        texts: the texts.
        strategy: see the module.
        least: score below which an entity is dropped, by the label of its first unit. [labels]
        outside: give the groups outside of entities, too, as the pipeline does with `ignore_labels=[]`.
    """
    groups = groups_from_tokens(probabilities, tokens, labels, strategy)
    names = group_names(labels, strategy)[groups.tag]
    # By name and not by index: the pipeline drops "O" after it has removed prefixes.
    kept = ((names != OUTSIDE) | outside) & (groups.score >= least[groups.tag])
    first, last = groups.first[kept], groups.last[kept]
    text = np.searchsorted(tokens.text_start, first, side="right") - 1
    start, end = tokens.bounds[first, 0], tokens.bounds[last, 1]
    return entity_lists(texts, text, names[kept], start, end, groups.score[kept])


def disjoint(found: Sequence[Entity]) -> list[Entity]:
    """The entities of a text, each without the characters that one before it has; what has none left is dropped.

    What is outside of entities is there for their sake, and takes no character from one: it ends where the next begins.
    """
    ends: list[int] = []
    next_start = sys.maxsize
    for entity in reversed(found):
        ends.append(min(entity.end, next_start) if entity.label == OUTSIDE else entity.end)
        next_start = next_start if entity.label == OUTSIDE else min(entity.start, next_start)
    kept: list[Entity] = []
    reach = 0
    for entity, end in zip(found, reversed(ends)):
        start = max(entity.start, reach)
        if start < end:
            text = entity.text[start - entity.start : end - entity.start]
            kept.append(replace(entity, text=text, start=start, end=end) if text != entity.text else entity)
            reach = end
    return kept


def _first_of_texts(text_start: NDArray[np.int64], tokens: int) -> NDArray[np.bool_]:
    """Whether each token is the first of its text. [tokens]"""
    first = np.zeros(tokens, np.bool_)
    first[text_start[:-1][np.diff(text_start) > 0]] = True
    return first


def _choose(
    probabilities: NDArray[np.float32], unit: NDArray[np.int64], unit_end: NDArray[np.int64], strategy: Strategy
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Label and score of each unit. [units], [units]"""
    if not len(unit):
        return unit, np.empty(0, np.float32)
    if strategy == "average":
        # Summed and rounded in float32 as the pipeline does, for equal scores.
        sums = np.add.reduceat(probabilities, unit, axis=0)
        by_label = (sums / (unit_end - unit)[:, None]).astype(np.float32)
    elif strategy == "max":
        by_label = probabilities[_surest(probabilities.max(axis=1), unit, unit_end)]
    else:
        by_label = probabilities[unit]
    return by_label.argmax(axis=1), by_label.max(axis=1)


def _surest(best: NDArray[np.float32], unit: NDArray[np.int64], unit_end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of each unit's token with the highest probability of any label; the first one of equals. [units]"""
    highest = np.repeat(np.maximum.reduceat(best, unit), unit_end - unit)
    candidates = np.flatnonzero(best == highest)
    return candidates[np.searchsorted(candidates, unit)]


def _groups(
    tag: NDArray[np.int64], labels: Sequence[str], unit: NDArray[np.int64], tokens: RawTokens
) -> NDArray[np.int64]:
    """First unit of each group: it begins a text, has a B, or is of another type than the unit before. [groups]"""
    begins = np.array([label.startswith("B-") for label in labels])
    # Any other prefix stays part of the type, as in the pipeline: that is why IOBES falls apart.
    kinds = [label[2:] if label.startswith(("B-", "I-")) else label for label in labels]
    kind = np.unique(kinds, return_inverse=True)[1].reshape(-1)[tag]
    opens = _first_of_texts(tokens.text_start, len(tokens.ids))[unit] | begins[tag]
    opens[1:] |= kind[1:] != kind[:-1]
    return np.flatnonzero(opens)
