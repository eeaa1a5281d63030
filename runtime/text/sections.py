"""A long text -> sections that end with a sentence, so that it never lies in memory as words and tokens all at once.

Where a section ends depends on the text alone. A paragraph's end is taken before a sentence's. Text that has neither
over LONGEST code points is no prose: it is cut after a comma, else at a blank, else wherever it is. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime.text.sentences import split_sentences

# Code points of a section: enough to fill an engine's batches many times over; some megabytes as tokens and labels.
SECTION = 100_000
# Code points of a section that has no sentence's end in it.
LONGEST = 4 * SECTION
# Code points at the end of a section in which a sentence's end is looked for first.
_TAIL = 4_096
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")


def sections_of(text: str) -> Iterator[tuple[int, int]]:
    """(first, one past the last) code point of each section: together the whole text, in order; none is empty."""
    start = 0
    while len(text) - start > SECTION:
        end = _end(text, start)
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)


def _end(text: str, start: int) -> int:
    """Where the section from `start` on ends; more than SECTION code points follow."""
    size = SECTION
    while True:
        limit = min(len(text), start + size)
        # The first half was looked at before, or would make sections needlessly short.
        half = start + size // 2
        found = _last_paragraph(text, half, limit) or _last_sentence(text, half, limit)
        if found:
            return found
        if limit == len(text) or size >= LONGEST:
            return limit if limit == len(text) else _between_words(text, half, limit)
        size *= 2


def _last_paragraph(text: str, start: int, end: int) -> int:
    """Where the last paragraph that begins in that part of the text does; 0 where none does."""
    found = 0
    for blank in _PARAGRAPH.finditer(text, start, end):
        found = blank.end()
    return found


def _last_sentence(text: str, start: int, end: int) -> int:
    """Where the last sentence that begins in that part of the text does; 0 where none does."""
    tail = _TAIL
    while True:
        begin = max(start, end - tail)
        sentences = split_sentences(text[begin:end])
        if len(sentences) > 1:
            return begin + sentences[-1][0]
        if begin == start:
            return 0
        tail *= 4


def _between_words(text: str, start: int, end: int) -> int:
    """After the last comma, else the last blank, of that part of the text, else its end."""
    comma = text.rfind(", ", start, end)
    if comma >= 0:
        return comma + 2
    blank = max(text.rfind(character, start, end) for character in " \n\t")
    return blank + 1 if blank >= 0 else end
