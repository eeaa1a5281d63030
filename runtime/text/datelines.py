"""Where the dateline of a report begins and ends: "Anna Lund OSLO, Norway 2026-03-01 The bridge ...". Pure.

A dateline is a place in capitals and a date, and maybe an agency and a dash: "OSLO, March 1 (Wire) - The bridge ...".
Between the author before it and the text after it stands no mark, and a model that reads all three at once takes their
names for one. A date without a year counts only with a dash after it, since it may stand in a sentence as well.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = rf"(?:{_MONTH}\.?\s\d{{1,2}}|\d{{1,2}}\s{_MONTH}\.?)(?:,?\s\d{{4}})?"
_DASH = r"[-\u2013\u2014]"
_AFTER = r"\s++(?=[\"'(\[]*+([^\W\d_]))"
# Both begin with characters that are found fast; what stands before a dash is looked at where there is one.
_ISO = re.compile(rf"\d{{4}}(?<!\S\d{{4}})-\d\d-\d\d(?:\s?{_DASH}{{1,2}})?{_AFTER}")
_DASHED = re.compile(rf"{_DASH}{_AFTER}")
_DAY_AND_AGENCY = re.compile(rf"(?<!\S){_DAY}(?:\s\([^()\n]{{2,30}}\))?\s?{_DASH}{{1,2}}\Z")
_STOPS = ".!?:;\"'\u201d)]"
_WORD = re.compile(r"\S+")
# Code points before a date that its place may take, letters that a place in capitals has at least, and words of what
# it lies in: "MIAMI, Fla.", "SYDNEY, New South Wales".
_PLACE, _LETTERS, _REGION = 64, 3, 3
# Code points of the longest date with its agency.
_LONGEST = 64


def dateline_ends(text: str) -> Iterator[int]:
    """The first code point of each dateline, and of the text after it; in no order."""
    for start, after in itertools.chain(_iso_dates(text), _dashed_dates(text)):
        if after[1].isupper():
            place = _place(text, start)
            if place is not None:
                yield place
                yield after.end()


def _iso_dates(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Where each date begins, and what ends with the capital after it."""
    return ((date.start(), date) for date in _ISO.finditer(text))


def _dashed_dates(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    for dash in _DASHED.finditer(text):
        begin = max(0, dash.start() - _LONGEST)
        date = _DAY_AND_AGENCY.search(text[begin : dash.start() + 1])
        if date:
            yield begin + date.start(), dash


def _place(text: str, end: int) -> int | None:
    """The first code point of the place in capitals that ends there; None where none does, or a sentence goes on."""
    begin = max(0, end - _PLACE)
    words = [(found.start(), found[0]) for found in _WORD.finditer(text, begin, end)]
    first = _last_capitals([word for _, word in words])
    if first is None:
        return None
    while first and words[first - 1][1].isupper() and words[first - 1][1][-1].isalpha():
        first -= 1
    # "in OSLO 2026-03-01" is part of a sentence.
    before = words[first - 1][1] if first else "."
    return None if before[0].islower() and before[-1] not in _STOPS else words[first][0]


def _last_capitals(words: list[str]) -> int | None:
    """Which word ends the name of the place: the last one, or one with a comma before the region it lies in."""
    for back, word in enumerate(reversed(words[-_REGION - 1 :])):
        bare = word.rstrip(",")
        if bare.isupper() and sum(map(str.isalpha, bare)) >= _LETTERS:
            return len(words) - 1 - back if not back or word.endswith(",") else None
        if not word[0].isupper():
            return None
    return None
