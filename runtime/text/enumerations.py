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
    found = [(number.start(), int(number[1])) for number in _NUMBER.finditer(text)]
    items: set[int] = set()
    for (start, number), (after, following) in itertools.pairwise(found):
        if following == number + 1 and after - start <= _NEAR:
            items |= {start, after}
    return sorted(items)
