"""Texts without end -> lists that are tagged together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

Item = TypeVar("Item")

# Code points after which a chunk is full: one of documents holds hardly more than one document.
CHARACTERS = 250_000


class Chunk(NamedTuple, Generic[Item]):
    """Texts that are tagged together, and how many came before them."""

    before: int
    items: list[Item]


def chunks(texts: Iterable[Item], most: int) -> Iterator[Chunk[Item]]:
    """Texts in chunks of at most that many, and of CHARACTERS code points before the last.

    Args:
        texts: any number of strings, lists of words, or None.
        most: texts of a chunk.
    """
    before, size = 0, 0
    group: list[Item] = []
    for text in texts:
        group.append(text)
        size += _characters(text)
        if len(group) >= most or size >= CHARACTERS:
            yield Chunk(before, group)
            before += len(group)
            group, size = [], 0
    if group:
        yield Chunk(before, group)


def _characters(text: Any) -> int:
    """Code points of a text, or of the words of one."""
    if isinstance(text, str):
        return len(text)
    return sum(map(len, text)) if text else 0
