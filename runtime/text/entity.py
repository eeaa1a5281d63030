"""Entity: a named entity that a tagger found. The module does not know how entities are found."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any


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


# Setters of the attributes' slots; see entities_of_columns.
_FILL: list[Callable[[Entity, Any], None]] = [
    attrgetter(f"{name}.__set__")(Entity) for name in ("label", "text", "start", "end", "score")
]


def entities_of_columns(
    labels: Sequence[str], texts: Sequence[str], starts: Sequence[int], ends: Sequence[int], scores: Sequence[float]
) -> list[Entity]:
    """Entity(label, text, start, end, score) for each row of columns that are equally long, in a quarter of the time.

    A chunk has thousands of them, and a dataclass that is frozen sets each attribute by a call from Python. Here the
    attributes' slots are filled column by column, without a line of Python for each.
    """
    made: list[Entity] = list(map(object.__new__, itertools.repeat(Entity, len(labels))))
    for fill, column in zip(_FILL, (labels, texts, starts, ends, scores)):
        deque(map(fill, made, column), maxlen=0)
    return made
