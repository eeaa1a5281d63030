"""Chunks: a stream of texts, perhaps without end -> lists of texts that are tagged together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from runtime.errors import UsageError
from runtime.text.answer import Document

Item = TypeVar("Item")

# Code points after which a chunk is full, so that a chunk of long documents holds hardly more than one of them.
CHARACTERS = 250_000


class Chunk(NamedTuple, Generic[Item]):
    """Texts that are tagged together.

    Attributes:
        before: number of texts before them.
        items: the texts.
    """

    before: int
    items: list[Item]


def chunks(texts: Iterable[Item], most: int, *, growth: int = 1) -> Iterator[Chunk[Item]]:
    """The texts in chunks, in order. A chunk is full with `most` texts, or once it has CHARACTERS code points.

    Args:
        texts: any number of strings, lists of words, or None.
        most: largest number of texts in the first chunk.
        growth: each later chunk has up to twice as many as the one before, until there are so many times `most`.

    Raises:
        UsageError: `most` is less than 1.
    """
    if most < 1:
        raise UsageError("chunk", str(most), "give 1 or more")
    before, size, largest = 0, 0, most * growth
    group: list[Item] = []
    for text in texts:
        group.append(text)
        size += _characters(text)
        if len(group) >= most or size >= CHARACTERS:
            yield Chunk(before, group)
            before += len(group)
            group, size = [], 0
            most = min(2 * most, largest)
    if group:
        yield Chunk(before, group)


def _characters(text: Any) -> int:
    """Number of code points of a text, or of all words of one or of a document; 0 for None."""
    if isinstance(text, str):
        return len(text)
    if isinstance(text, Document):
        return text.characters
    return sum(map(len, text)) if text else 0
