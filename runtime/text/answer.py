"""What is asked of a tagger, and what it answers. It knows nothing of how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.errors import TextError
from runtime.text.entity import Entity

Question = str | Sequence[str] | None
"""A free text; or the words of one that is cut already; or nothing, which is answered by nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tagger says of one question.

    Attributes:
        entities: of a free text, in order and disjoint.
        labels: one for each word, of a text that was given as words.
        refused: why it was not read; None where it was.
    """

    entities: Sequence[Entity] = ()
    labels: Sequence[str] = ()
    refused: TextError | None = None


NOTHING = Answer()
