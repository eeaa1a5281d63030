"""Item: a part of an input as it was read, and its text, words and entities in the forms that outputs need.

An item is a text, a sentence of words, a broken line, or lines without anything to tag. An empty text is a text. The
module does not know the formats of files.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from runtime.errors import NerveError
from runtime.text.answer import Answer
from runtime.text.entity import Entity
from runtime.text.label_names import OUTSIDE
from runtime.text.label_schemes import LabelSet
from runtime.text.words import runs_of_words

_SURROGATE = re.compile(r"[\ud800-\udfff]")

Kind = Literal["text", "words", "filler"]

Mark = tuple[int, int, str]
"""An entity in a text: number of its first character, number of its last plus one, and label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A part of an input that is tagged as one.

    Attributes:
        file: name of the input as the user gave it; "" for a text of the command line.
        line: number of its first line, from 1; 0 for an item that is a whole file.
        kind: what it is; "filler": lines without anything to tag.
        source: number of the input, from 0.
        raw: its bytes. The bytes of all items of an input are the whole input.
        text: its text; "" for another kind.
        words: its words, where the input is already cut into words.
        gold: the gold label of each word, where gold labels were asked for.
        rows: indices of the lines of `raw` that hold a word (only CoNLL).
        tabs: whether tabs alone separate the columns (only CoNLL).
        width: number of columns of each row (only CoNLL).
        gap: line ends to write after it, so that the next input's first sentence stays apart (only CoNLL).
        answer: name of the field for the answer (only JSONL).
        document: the document that it is a part of; "" where none is known.
        problem: the reason why it cannot be tagged; None where it can.
    """

    file: str
    line: int
    kind: Kind = "text"
    source: int = 0
    raw: bytes = b""
    text: str = ""
    words: tuple[str, ...] = ()
    gold: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    tabs: bool = False
    width: int = 0
    gap: bytes = b""
    answer: str = ""
    document: str = ""
    problem: NerveError | None = None

    @property
    def place(self) -> str:
        """Its place for messages, such as "news.txt:3"."""
        return place_of(self.file, self.line)

    @property
    def is_filler(self) -> bool:
        """Whether it holds nothing to tag and has no problem: comments, document marks, blank lines between them."""
        return self.kind == "filler" and not self.problem


def place_of(file: str, line: int) -> str:
    """A line of an input, or a text of the command line, as messages name it."""
    if not file:
        return f"text {line}"
    return f"{file}:{line}" if line else file


def as_words(item: Item, answer: Answer) -> tuple[Sequence[str], Sequence[str]]:
    """The words of an item and their labels. A text is cut into words, and its entities become labels in BIO."""
    if item.kind == "words":
        return item.words, answer.labels
    pairs = list(labeled_words(item.text, _inside(answer)))
    return [word for word, _ in pairs], [label for _, label in pairs]


def labeled_words(text: str, entities: Iterable[Entity]) -> Iterator[tuple[str, str]]:
    """The words of a text, each with its label in BIO, as the entities are found.

    A word belongs to an entity that covers any part of it: entities made of tokens may begin inside a word.
    """
    # Entities are in order and disjoint, so one pass over both is enough.
    found = iter(entities)
    entity, prefix = next(found, None), "B"
    for start, end in itertools.chain.from_iterable(runs_of_words(text)):
        while entity and (entity.end <= start):
            entity, prefix = next(found, None), "B"
        label = OUTSIDE
        if entity and entity.start < end:
            label, prefix = f"{prefix}-{entity.label}", "I"
        yield text[start:end], label


def _inside(answer: Answer) -> list[Entity]:
    """The entities, without the groups outside of them that the pipeline's aggregations can give."""
    return [entity for entity in answer.entities if entity.label != OUTSIDE]


def as_text(item: Item, answer: Answer, labels: LabelSet) -> tuple[str, list[Mark]]:
    """The text of an item and its entities. Words are joined by spaces; `labels` are the model's."""
    if item.kind == "text":
        return item.text, [(entity.start, entity.end, entity.label) for entity in _inside(answer)]
    starts = [0]
    for word in item.words:
        starts.append(starts[-1] + len(word) + 1)
    spans = labels.entities(answer.labels)
    return " ".join(item.words), [(starts[first], starts[end] - 1, label) for label, first, end in spans]


def utf8(text: str) -> bytes:
    """The text in UTF-8. Half of a surrogate pair becomes U+FFFD: JSON can write it, and UTF-8 cannot."""
    try:
        # Nearly all texts take this way, which needs no search for surrogates.
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode("utf-8")


def segments(text: str, marks: Iterable[Mark]) -> Iterator[tuple[str, str]]:
    """The whole text in parts, in order: (characters, label); the label is "" outside of entities."""
    at = 0
    for start, end, label in marks:
        if at < start:
            yield text[at:start], ""
        yield text[start:end], label
        at = end
    if at < len(text):
        yield text[at:], ""
