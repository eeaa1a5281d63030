"""Numbers of lists that run on in a text: "1. Lund 9.83 2. Keller 9.91". Pure.

A number with a period is ambiguous by itself: it opens an item, or ends a sentence ("she came 12. Then she left").
In a list it stands near its successor or its predecessor, which hardly ever happens by chance.
"""

from __future__ import annotations

import itertools
import re

_NUMBER = re.compile(r"(?<!\S)(\d{1,3})\.(?=\s+[^\s])")
# Most code points between the numbers of two items that follow each other.
_NEAR = 300


def item_numbers(text: str) -> list[int]:
    """The first code point of each number that opens an item of a list, rising."""
    return [number.start() for number in _items(text)]


def item_periods(text: str) -> list[int]:
    """The code point of the period after each of these numbers, rising."""
    return [number.end() - 1 for number in _items(text)]


def _items(text: str) -> list[re.Match[str]]:
    if text.count(".") < 2:  # as in most sentences
        return []
    found = list(_NUMBER.finditer(text))
    if len(found) < 2:  # as in most texts
        return []
    follows = [
        int(after[1]) == int(number[1]) + 1 and after.start() - number.start() <= _NEAR
        for number, after in itertools.pairwise(found)
    ]
    return [number for number, before, after in zip(found, [False, *follows], [*follows, False]) if before or after]
