"""Rows of one length -> groups of rows, each of which is a batch. The module does not know what rows hold.

A library that compiles or captures shapes should meet few of them, so its batches have 1, 2, 4, 8... rows. What is left
after the full ones could be cut up exactly so: 87 rows into 64, 16, 4, 2 and 1. But a GPU that is not busy takes as
long for one row of 64 tokens as for some more of them, and each batch costs the time that it takes to be launched. So
up to _SMALL rows are one batch, and so are rows that are _FILLED of such a number: 87 rows are 64 and then 23, which
are 16 and 7. Who makes the batch fills it up.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_SMALL, _FILLED = 16, 0.75


def groups(rows: NDArray[np.int64], most: int, *, few_shapes: bool) -> Iterator[NDArray[np.int64]]:
    """Groups of rows: first, as one, all that fill batches of `most` rows; then the rest.

    Args:
        rows: numbers of the rows.
        most: largest number of rows of a batch.
        few_shapes: put the rest into batches of 1, 2, 4, 8... rows or hardly fewer; otherwise it is one batch.
    """
    whole = len(rows) - len(rows) % most if most > 1 else 0
    if whole:
        yield rows[:whole]
    rest = rows[whole:]
    while len(rest):
        size = _of_next(len(rest), most) if few_shapes else min(len(rest), most)
        yield rest[:size]
        rest = rest[size:]


def _of_next(rows: int, most: int) -> int:
    """Of so many rows, how many the next batch takes: all that fill one of 1, 2, 4, 8... rows well enough."""
    size = power(rows)
    is_full = size <= _SMALL or rows >= _FILLED * size
    return rows if is_full and size <= most else min(size // 2, most)


def power(rows: int) -> int:
    """The first of 1, 2, 4, 8... that is not below the number."""
    return 1 << (rows - 1).bit_length()
