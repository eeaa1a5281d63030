"""Full-length sequences: running text that fills a row to its last token slot, to certify every position of a model."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

ROW_LENGTHS = (64, 128, 256, 512)
# Rows of each length. Together they hold some 30,000 words: enough to tell a rate of 2 in 10,000 from chance.
ROWS_OF_EACH = 48
# Words to fill those rows from: as many as they hold if each is one token, and some more to pass over.
_ROW_WORDS = ROWS_OF_EACH * sum(ROW_LENGTHS) * 11 // 10

if TYPE_CHECKING:
    from export.certify.reference import Reference


def row_lengths(max_length: int) -> list[int]:
    """Lengths of full-length sequences: ROWS_OF_EACH of each length that fits the model, and its longest row.

    They alternate, the longest first, so that a small corpus reaches all of them. A longest row beyond ROW_LENGTHS
    (ModernBERT's is 8,192) comes once, because the cost of attention grows with the square of the length.
    """
    if max_length > ROW_LENGTHS[-1]:
        return [max_length, *row_lengths(ROW_LENGTHS[-1])]
    return [max_length, *reversed([length for length in ROW_LENGTHS if length < max_length])] * ROWS_OF_EACH


def full_length_sequences(
    reference: Reference, sentences: Sequence[Sequence[str]], lengths: Sequence[int]
) -> list[tuple[str, ...]]:
    """A text for each length, which fills a row of that length to its last token slot, as far as the words reach.

    Each is a run of the corpus's words, across the ends of sentences. If no run that starts at a word ends exactly at
    the end of the row, the next word is tried. The last words of the corpus may fill their row in part.
    """
    words = [word for sentence in sentences for word in sentence][:_ROW_WORDS]
    special_tokens = reference.tokens([()])[0]
    sizes = [count - special_tokens for count in reference.tokens([(word,) for word in words])]
    borders = [0, *itertools.accumulate(sizes)]
    found = runs(borders, [length - special_tokens for length in lengths])
    return [tuple(words[start:end]) for start, end in found if start < end]


def runs(borders: Sequence[int], rooms: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First word, and one past the last word, of a run for each room.

    Args:
        borders: tokens before each word, and at the end the tokens of all words.
        rooms: tokens that each run must have.
    """
    at, last = 0, len(borders) - 1
    for room in rooms:
        start = at
        while start < last:
            end = bisect.bisect_right(borders, borders[start] + room) - 1
            if end == last or borders[end] == borders[start] + room:
                yield start, end
                at = end
                break
            start += 1
