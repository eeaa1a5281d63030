"""Question and Answer: what a tagger is given, and what it gives back. The module does not know how it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.errors import TextError
from runtime.text.entity import Entity

Question = str | Sequence[str] | None
"""A free text; or the words of a text that is already cut into words; or None, which gets an empty answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    Attributes:
        entities: entities of a free text, in order and disjoint.
        labels: a label for each word of a text that was given as words.
        refused: the reason why the text was not tagged; None where it was.
    """

    entities: Sequence[Entity] = ()
    labels: Sequence[str] = ()
    refused: TextError | None = None


NOTHING = Answer()
