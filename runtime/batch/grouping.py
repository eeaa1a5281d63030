"""Rows of one length -> groups of rows, each of which is a batch. The module does not know what rows hold.

A library that compiles or captures shapes should meet few of them, so its batches have 1, 2, 4, 8... rows. What is left
after the full ones could be cut up exactly so: 87 rows into 64, 16, 4, 2 and 1. But a GPU that is not busy takes as
long for one row of 64 tokens as for some more of them, and each batch costs the time that it takes to be launched. So
up to _SMALL rows are one batch, and so are rows that are _FILLED of such a number: 87 rows are 64 and then 23, which
are 16 and 7. Who makes the batch fills it up.

A library that takes any shape on several streams at once should keep them all busy to the end. Nine rows in batches of
eight would be eight rows on one stream and one on the other, as long as eight; they are five and four.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Parts of what is left have at least this share of a full batch's rows: smaller ones cost more for each row.
_LEAST = 0.5
_SMALL, _FILLED = 16, 0.75


def groups(rows: NDArray[np.int64], most: int, *, few_shapes: bool, streams: int = 1) -> Iterator[NDArray[np.int64]]:
    """Groups of rows: first, as one, all that fill batches of `most` rows; then the rest.

    Args:
        rows: numbers of the rows.
        most: largest number of rows of a batch.
        few_shapes: put the rest into batches of 1, 2, 4, 8... rows or hardly fewer; otherwise it is one batch, or
            equal ones that keep all streams busy to the end.
        streams: batches that run at the same time.
    """
    last = len(rows) % (most * streams)
    if most < last and most > 1 and not few_shapes:
        yield from _evenly(rows, last, min(streams, int(last / (_LEAST * most))))
        return
    whole = len(rows) - len(rows) % most if most > 1 else 0
    if whole:
        yield rows[:whole]
    rest = rows[whole:]
    while len(rest):
        size = _of_next(len(rest), most) if few_shapes else min(len(rest), most)
        yield rest[:size]
        rest = rest[size:]


def _evenly(rows: NDArray[np.int64], last: int, parts: int) -> Iterator[NDArray[np.int64]]:
    """All rows but the last ones, which fill batches on all streams, and then the last ones in equal parts."""
    if len(rows) > last:
        yield rows[:-last]
    yield from np.array_split(rows[-last:], parts)


def _of_next(rows: int, most: int) -> int:
    """Of so many rows, how many the next batch takes: all that fill one of 1, 2, 4, 8... rows well enough."""
    size = power(rows)
    is_full = size <= _SMALL or rows >= _FILLED * size
    return rows if is_full and size <= most else min(size // 2, most)


def power(rows: int) -> int:
    """The first of 1, 2, 4, 8... that is not below the number."""
    return 1 << (rows - 1).bit_length()
