"""Item: one thing to tag, as it was read.

An item is a text, or a sentence of words, or a broken line, or lines that hold nothing to tag. It knows no format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtime.errors import NerveError
from runtime.text.answer import Answer
from runtime.text.label_schemes import OUTSIDE, spans_of_labels
from runtime.text.words import split_words

_SURROGATE = re.compile(r"[\ud800-\udfff]")

Mark = tuple[int, int, str]
"""First character, one past the last, and label of an entity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to tag.

    Attributes:
        file: the input's name as the user knows it; "" for texts of the command line.
        line: of its first line, from 1; 0 for a whole file.
        source: which input it is from, counted from 0.
        raw: its bytes; those of all items of an input are the input.
        text: free text; "" where there is none.
        words: the words of a text that is cut into words already; none where there are none.
        gold: a label for each of the words, if labels were asked for.
        rows: which of the lines in `raw` hold the words (CoNLL alone).
        width: columns of each row (CoNLL alone).
        gap: line ends that part it from the next input's first sentence (CoNLL alone).
        answer: the field that the answer goes into (JSONL alone).
        problem: why it cannot be tagged, or None.
    """

    file: str
    line: int
    source: int = 0
    raw: bytes = b""
    text: str = ""
    words: tuple[str, ...] = ()
    gold: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    width: int = 0
    gap: bytes = b""
    answer: str = ""
    problem: NerveError | None = None

    @property
    def place(self) -> str:
        """Where it is, such as "news.txt:3"."""
        return place_of(self.file, self.line)

    @property
    def is_filler(self) -> bool:
        """Whether there is nothing to tag and nothing wrong: blank lines, comments, document marks."""
        return not (self.text or self.words or self.problem)


def place_of(file: str, line: int) -> str:
    """How a message names a line of an input, or a text of the command line."""
    if not file:
        return f"text {line}"
    return f"{file}:{line}" if line else file


def as_words(item: Item, answer: Answer) -> tuple[Sequence[str], Sequence[str]]:
    """Words and their labels; a text is cut into words, and a word that an entity touches gets its label, in BIO."""
    if item.words:
        return item.words, answer.labels
    spans = split_words(item.text)
    labels = [OUTSIDE] * len(spans)
    word = 0
    for entity in answer.entities:
        while word < len(spans) and spans[word][1] <= entity.start:
            word += 1
        prefix = "B"
        while word < len(spans) and spans[word][0] < entity.end:
            labels[word], prefix = f"{prefix}-{entity.label}", "I"
            word += 1
    return [item.text[start:end] for start, end in spans], labels


def as_text(item: Item, answer: Answer) -> tuple[str, list[Mark]]:
    """Text and the entities in it; words are joined by spaces."""
    if not item.words:
        return item.text, [(entity.start, entity.end, entity.label) for entity in answer.entities]
    starts = [0]
    for word in item.words:
        starts.append(starts[-1] + len(word) + 1)
    spans = spans_of_labels(answer.labels)
    return " ".join(item.words), [(starts[first], starts[end] - 1, label) for label, first, end in spans]


def utf8(text: str) -> bytes:
    """Bytes of a text. Half of a surrogate pair, which JSON can spell and UTF-8 cannot, becomes U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode("utf-8")


def segments(text: str, marks: Sequence[Mark]) -> Iterator[tuple[str, str]]:
    """(characters, label) of the whole text, in order; the label is "" outside entities."""
    at = 0
    for start, end, label in marks:
        if at < start:
            yield text[at:start], ""
        yield text[start:end], label
        at = end
    if at < len(text):
        yield text[at:], ""
