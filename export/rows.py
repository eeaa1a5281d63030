"""Full rows: texts that fill a row to its last cell, so that every position of the model is certified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

ROW_LENGTHS = (64, 128, 256, 512)
# Rows of each length: together some 20,000 words, so that a limit of 2 in 10,000 can be told from chance.
ROWS_OF_EACH = 24
# Words to fill those rows from, twice what they hold at one piece a word.
_ROW_WORDS = 2 * ROWS_OF_EACH * sum(ROW_LENGTHS)

if TYPE_CHECKING:
    from export.reference import Reference


def row_lengths(max_length: int) -> list[int]:
    """Lengths of full rows: ROWS_OF_EACH of each length that fits the model, and its longest row.

    A longest row beyond ROW_LENGTHS (ModernBERT's is 8,192) comes once, for its cost grows with the square; and first,
    so that a small corpus reaches it.
    """
    if max_length > ROW_LENGTHS[-1]:
        return [max_length, *row_lengths(ROW_LENGTHS[-1])]
    lengths = [*(length for length in ROW_LENGTHS if length < max_length), max_length]
    return [length for length in lengths for _ in range(ROWS_OF_EACH)]


def full_rows(
    reference: Reference, sentences: Sequence[Sequence[str]], lengths: Sequence[int]
) -> list[tuple[str, ...]]:
    """A text for each length that fills a row of it to the last cell, as far as the words reach."""
    words = [word for sentence in sentences for word in sentence]
    frame = reference.pieces([()])[0]
    sizes = [count - frame for count in reference.pieces([(word,) for word in words[:_ROW_WORDS]])]
    rows, at = [], 0
    for length in lengths:
        row, room = [], length - frame
        # Words too large for the room that is left are passed over; small ones fill it up.
        while room and at < len(sizes):
            if sizes[at] <= room:
                row.append(words[at])
                room -= sizes[at]
            at += 1
        rows.append(tuple(row))
    return [row for row in rows if row]
