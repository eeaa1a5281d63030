"""Tokens of raw text -> entities, by the five strategies of transformers' token-classification pipeline. Pure.

    none      each token by itself, with its full label, such as B-PER
    simple    neighbouring tokens of one type together
    first     the same for words: a word has the label of its first token,
    average   the label of the highest mean probability over its tokens,
    max       or the label of its surest token

Spans, labels and scores are those of `pipeline(..., aggregation_strategy=...)` in transformers 4.57, for whoever wants
to change engines and nothing else. So are its faults, which runtime.decode.labels does not have:

- It gives the model the whole text where training gave words. "U.S." or "3,000" is four or three of its words.
- Its words are guesses. With a "##" prefix, punctuation and what stands around it are words of their own; without,
  whatever has no blank between is one word, the full stop and the bracket too.
- With some tokenizers (Metaspace; byte-level ones that do not trim) an entity begins with the blank before it.
- Tokens with one character between them (byte-level ones) give entities that share it, and a token can stand for
  nothing: then the entity's text is empty.
- It knows of prefixes B and I alone. Entities of IOBES or BILOU fall apart, each E, S, L or U by itself.

Two things are ours. Text longer than the model is not cut off: windows overlap, each token is answered where it has
most context, and strategies are applied to the whole text, where the pipeline with `stride` takes the longer or surer
of two entities that overlap. And `Entity.text` is always text[start:end], where its `word` is put together from tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.decode.labels import entity_lists, means
from runtime.decode.options import Strategy
from runtime.encode.hf_pipeline import RawTokens
from runtime.text.entity import Entity
from runtime.text.label_schemes import OUTSIDE


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of each token's labels. [tokens, labels]"""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


@dataclass(frozen=True, slots=True)
class Groups:
    """All that the pipeline finds in texts, in order: entities, and what lies outside of them.

    Attributes:
        first, last: first and last token of each. [groups]
        tag: its label, that of its first unit: a token, or what the pipeline takes for a word. [groups]
        score: mean of its units' scores. [groups]
        units: first token of every unit. [units]
        of_tokens: whether each unit is a token.
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
    """Tokens as the pipeline groups them; see entities_from_tokens for the arguments."""
    by_token = strategy in ("none", "simple")
    opens = by_token | ~tokens.subword | _first_of_texts(tokens.text_start, len(tokens.ids))
    unit = np.flatnonzero(opens)
    unit_end = np.append(unit[1:], len(opens))[: len(unit)]
    tag, score = _choose(probabilities, unit, unit_end, strategy)
    group = np.arange(len(unit)) if strategy == "none" else _groups(tag, labels, unit, tokens)
    group_end = np.append(group[1:], len(unit))[: len(group)]
    return Groups(unit[group], unit_end[group_end - 1] - 1, tag[group], means(score, group, group_end), unit, by_token)


def group_names(labels: Sequence[str], strategy: Strategy) -> NDArray[np.object_]:
    """What the pipeline calls a group of each label: the label in full where a group is a token. [labels]"""
    return np.array(labels if strategy == "none" else [label.split("-", 1)[-1] for label in labels], dtype=object)


def entities_from_tokens(
    probabilities: NDArray[np.float32],
    tokens: RawTokens,
    labels: Sequence[str],
    texts: Sequence[str],
    *,
    strategy: Strategy,
    least: NDArray[np.float64],
) -> list[list[Entity]]:
    """The entities of each text as the pipeline finds them.

    Args:
        probabilities: of every token's labels. [tokens, labels]
        tokens: of all texts.
        labels: label names by index.
        texts: the texts themselves.
        strategy: see the module.
        least: score below which an entity is dropped, by the label of its first token or word. [labels]
    """
    groups = groups_from_tokens(probabilities, tokens, labels, strategy)
    names = group_names(labels, strategy)[groups.tag]
    kept = (names != OUTSIDE) & (groups.score >= least[groups.tag])
    first, last = groups.first[kept], groups.last[kept]
    text = np.searchsorted(tokens.text_start, first, side="right") - 1
    start, end = tokens.bounds[first, 0], tokens.bounds[last, 1]
    return entity_lists(texts, text, names[kept], start, end, groups.score[kept])


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
        sums = np.add.reduceat(probabilities, unit, axis=0)
        by_label = (sums / (unit_end - unit)[:, None]).astype(np.float32)
    elif strategy == "max":
        by_label = probabilities[_surest(probabilities.max(axis=1), unit, unit_end)]
    else:
        by_label = probabilities[unit]
    return by_label.argmax(axis=1), by_label.max(axis=1)


def _surest(best: NDArray[np.float32], unit: NDArray[np.int64], unit_end: NDArray[np.int64]) -> NDArray[np.int64]:
    """The token of each unit with the highest probability of any label, the first among equals. [units]"""
    highest = np.repeat(np.maximum.reduceat(best, unit), unit_end - unit)
    candidates = np.flatnonzero(best == highest)
    return candidates[np.searchsorted(candidates, unit)]


def _groups(
    tag: NDArray[np.int64], labels: Sequence[str], unit: NDArray[np.int64], tokens: RawTokens
) -> NDArray[np.int64]:
    """First unit of each group: one that begins a text, has B, or is of another type than the one before. [groups]"""
    begins = np.array([label.startswith("B-") for label in labels])
    kinds = [label[2:] if label.startswith(("B-", "I-")) else label for label in labels]
    kind = np.unique(kinds, return_inverse=True)[1].reshape(-1)[tag]
    opens = _first_of_texts(tokens.text_start, len(tokens.ids))[unit] | begins[tag]
    opens[1:] |= kind[1:] != kind[:-1]
    return np.flatnonzero(opens)
