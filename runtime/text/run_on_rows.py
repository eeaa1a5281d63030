"""Where rows of a table end that run on in a line: "Ajax 3 2 1 0 Porto 3 2 0 1 Lund 3 0 0 3". Pure.

Tables lose their lines when text is taken out of a page, a PDF or a mail. What is left of a row is that its figures
come last, and that the next row begins with a name. Once that may be chance ("Boeing 747 Airbus"), so it counts only
where it happens again and again within a short stretch of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# A word of digits, with signs, brackets, marks of percent and footnotes; "12." and "12," are none.
_REST = r"[\d.,:/+\-]*+(?<![.,:])[%)*]*+"
# It begins with the digit, and looks back from there, because that is found fast.
_ROW_END = re.compile(rf"\d(?:(?<!\S\d)|(?<=\s[(+\-]\d)){_REST}\s++(?=[\"'*]*+([^\W\d_]\w*))")
# "5 June" is a date.
_MONTH = re.compile("Jan|Feb|M[a\u00e4]r|Ap[rb]|Ma[iy]|Ju[nl]|Aug|[SD]e[pcz]|O[ck]t|Nov")
_IS_FIGURE = re.compile(rf"[(+\-]*\d{_REST}|-+")
# Ends of rows that a table must have, and most code points between those of two rows that follow each other: on
# train.txt, 80 and 150 gave the same F1 to 0.01 points.
FEWEST_ROWS, _NEAR = 3, 80
_LETTER = re.compile(r"[^\W\d_]")
# Code points that are looked at for the word before a figure; a longer one is no name.
_WORD = 40


def row_ends(text: str) -> list[int]:
    """The first code point after each row that runs on, and after the heading of its table, which ends in a colon."""
    return [place for table in _tables(_candidates(text)) for place in (*_heading(text, table[0][0]), *_ends(table))]


def _candidates(text: str) -> Iterator[tuple[int, int]]:
    """The last figure of what may be a row, and where the next one begins."""
    for found in _ROW_END.finditer(text):
        if (
            found[1][0].isupper()
            and not _MONTH.match(found[1])
            and _may_stand_in_row(text[max(0, found.start() - _WORD) : found.start()])
        ):
            yield found.start(), found.end()


def _may_stand_in_row(before: str) -> bool:
    """Whether a figure after that text may be the last of a row: it stands after a name, or after another figure."""
    words = before.rstrip("(+-").split()
    word = words[-1] if words else ""
    if not word or word[-1] in ",;":
        return False
    return word.lstrip("\"'*")[:1].isupper() or word[-1] == ")" or _IS_FIGURE.fullmatch(word) is not None


def _tables(candidates: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """The candidates that stand near each other, where they are enough to be no chance."""
    table: list[tuple[int, int]] = []
    for start, end in candidates:
        if table and start - table[-1][1] > _NEAR:
            if len(table) >= FEWEST_ROWS:
                yield table
            table = []
        table.append((start, end))
    if len(table) >= FEWEST_ROWS:
        yield table


def _ends(table: Iterable[tuple[int, int]]) -> list[int]:
    return [end for _, end in table]


def _heading(text: str, first: int) -> list[int]:
    """One past the heading that is nearest before the first figures of a table."""
    colon = text.rfind(": ", max(0, first - _NEAR), first)
    # "Attendance: 3,000 Porto ..." has the figure of the row itself after its colon.
    return [colon + 2] if colon >= 0 and _LETTER.search(text, colon, first) else []
