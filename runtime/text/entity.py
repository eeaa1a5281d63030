"""Entity: a named entity that a tagger found. The module does not know how entities are found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity in a text.

    Attributes:
        label: the entity's type, without the scheme's prefix: "PER", not "B-PER". Only with `aggregation="none"`,
            where every token is an entity, is it the whole label.
        text: the entity's characters, `text_given[start:end]`.
        start: number of the first character, in Unicode code points from 0.
        end: number of the last character plus one, in code points.
        score: 0 to 1: the mean, over the entity's words, of the probability of each word's label. Constrained decoding
            can choose a label that is not the most probable one; the score is then that label's own probability.
    """

    label: str
    text: str
    start: int
    end: int
    score: float
