"""Texts without end -> lists that are tagged together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# Code points after which a chunk is full: one of documents takes no more memory than one document.
CHARACTERS = 1_000_000


def chunks(texts: Iterable[str], most: int) -> Iterator[list[str]]:
    """Texts in lists of at most that many, and of CHARACTERS code points before the last."""
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text)
        if len(group) >= most or size >= CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group
