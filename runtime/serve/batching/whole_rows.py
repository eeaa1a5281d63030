"""A batch of whole rows: how many texts fill it, and these alone.

A batch is gathered by an estimate of its tokens, and comes to some rows more or less than are wanted. Each other number
of rows is another shape of batch. A library that prepares its operators anew for each shape takes 1.8 ms for that
(OpenVINO 2026.4, a MiniLM in int8), 5% of what a batch takes; a second, small batch for what is too much takes as long
once more. So a little more is gathered than a batch holds, and what does not fit waits for the next one: a request took
7% less CPU time at 128 connections (medians of interleaved rounds, 27 November 2026).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.batch.alignment import aligned
from runtime.batch.bin_packing import fit
from runtime.encode.tokenizer import Encoded


def texts_in_rows(
    sentence_start: NDArray[np.int64],
    text_start: NDArray[np.int64],
    *,
    around: int,
    align: int,
    length: int,
    rows: int,
) -> int:
    """How many of the first texts fill so many rows, at least one; all of them where they fill no more.

    Args:
        sentence_start: number of the first token of each part that is read by itself, and the number of all tokens.
            [parts + 1]
        text_start: number of each text's first token, and the number of all tokens. [texts + 1]
        around: special tokens of a part.
        align: see Packing.align.
        length: of the rows that count. Parts that are longer have longer rows, which are batches of their own.
        rows: that are wanted.
    """
    count = np.diff(sentence_start)
    start, size = sentence_start[:-1][count > 0], aligned(count[count > 0] + around, align)
    reached = np.searchsorted(start, text_start)  # parts before each text, and all of them. [texts + 1]
    texts = len(text_start) - 1

    def rows_of(first: int) -> int:
        """Rows that so many of the first texts take."""
        return int((fit(size[: reached[first]], shortest=length).length == length).sum())

    # What is more than the rows' token slots cannot fit; of what is not, a text or two do not.
    short = np.cumsum(np.where(size <= length, size, 0))
    fitting = int(np.searchsorted(reached, np.searchsorted(short, rows * length, side="right"), side="right")) - 1
    while fitting > 1 and rows_of(fitting) > rows:
        fitting -= 1
    return min(texts, max(1, fitting))


def first_texts(encoded: Encoded, texts: int) -> Encoded:
    """The first texts, as if they had been encoded alone."""
    tokens, words = int(encoded.text_start[texts]), int(encoded.word_start[texts])
    parts = int(np.searchsorted(encoded.sentence_word, words))
    return Encoded(
        encoded.ids[:tokens],
        encoded.text_start[: texts + 1],
        encoded.word_start[: texts + 1],
        encoded.first_token[:words],
        np.append(encoded.sentence_start[:parts], tokens),
        np.append(encoded.sentence_word[:parts], words),
    )
