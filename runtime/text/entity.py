"""Entity: what a tagger finds. It knows nothing of how it was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity in a text.

    Attributes:
        label: the entity's type, without the scheme's prefix: "PER", not "B-PER". Only `aggregation="none"`, where an
            entity is one token, gives the label in full.
        text: the characters of the text given, `text_given[start:end]`.
        start: first character, counted in Unicode code points from 0.
        end: one past the last character, in code points.
        score: mean over the entity's words of the probability of the label chosen, 0 to 1. With constraints the label
            chosen can be another than the most probable one; its score is its own probability all the same.
    """

    label: str
    text: str
    start: int
    end: int
    score: float
