"""Question and Answer: what a tagger is given, and what it gives back. The module does not know how it works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.errors import TextError
from runtime.text.entity import Entity
from runtime.text.given import listed, lists_of_words, words_of


@dataclass(frozen=True, slots=True)
class Document:
    """Sentences of one document, each given as words: read in context, they are each other's.

    Raises:
        UsageError: it is no list of lists of strings.
    """

    sentences: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentences", lists_of_words(self.sentences))

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def characters(self) -> int:
        """Number of code points of all words."""
        return sum(len(word) for words in self.sentences for word in words)


def questions_of(questions: Iterable[Any]) -> Iterator[Question]:
    """The questions, one by one, as they are asked for.

    Raises:
        UsageError: at once where it is no list; at what is no Question.
    """
    return (_question(given, number) for number, given in enumerate(listed(questions), start=1))


def _question(given: Any, number: int) -> Question:
    return given if given is None or isinstance(given, (str, Document)) else words_of(given, number)


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
