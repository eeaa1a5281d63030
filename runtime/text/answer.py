"""Question and Answer: what a tagger is given, and what it gives back. The module does not know how it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.errors import TextError, UsageError
from runtime.text.entity import Entity


@dataclass(frozen=True, slots=True)
class Document:
    """Sentences of one document, each given as words: read in context, they are each other's.

    Raises:
        UsageError: a string is given in place of a list: it is a sequence of strings, too, each a letter.
    """

    sentences: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        if isinstance(self.sentences, str) or any(isinstance(words, str) for words in self.sentences):
            raise UsageError("document", "a string is given", "give a list of sentences, each a list of words")

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def characters(self) -> int:
        """Number of code points of all words."""
        return sum(len(word) for words in self.sentences for word in words)


Question = str | Sequence[str] | Document | None
"""A free text; or the words of a text that is already cut into words; or a document of such texts; or None, which gets
an empty answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    Attributes:
        entities: entities of a free text, in order and disjoint.
        labels: a label for each word of a text that was given as words.
        sentences: an answer to each sentence of a document.
        refused: the reason why the text was not tagged; None where it was.
    """

    entities: Sequence[Entity] = ()
    labels: Sequence[str] = ()
    sentences: Sequence[Answer] = ()
    refused: TextError | None = None


NOTHING = Answer()
