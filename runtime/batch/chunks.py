"""Texts without end -> lists that are tagged together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

# Code points after which a chunk is full: one of documents holds hardly more than one document.
CHARACTERS = 250_000


class Chunk(NamedTuple):
    """Texts that are tagged together, and how many came before them."""

    before: int
    texts: list[str]


def chunks(texts: Iterable[str], most: int) -> Iterator[Chunk]:
    """Texts in chunks of at most that many, and of CHARACTERS code points before the last."""
    before, size = 0, 0
    group: list[str] = []
    for text in texts:
        group.append(text)
        size += len(text)
        if len(group) >= most or size >= CHARACTERS:
            yield Chunk(before, group)
            before += len(group)
            group, size = [], 0
    if group:
        yield Chunk(before, group)
