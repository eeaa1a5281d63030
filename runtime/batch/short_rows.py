"""A few windows -> one packed row, without the arrays that many windows need: the row is the one of packed_batches.

A short text of a few sentences is common, and NumPy takes microseconds for each of the 30 arrays that place its windows
among any number of others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime.batch.alignment import row_align
from runtime.batch.batches import NOTHING, Batch
from runtime.batch.bin_packing import row_length


def row_of(windows: Sequence[Sequence[int]], *, shortest: int, align: int) -> tuple[Batch, list[int]] | None:
    """A batch of one row, and the column at which each window begins; None where the windows need several rows.

    Args:
        windows: token ids of each, special tokens included; there is at least one, and none is empty.
        shortest, align: see packed_batches.
    """
    sizes = [len(window) + -len(window) % align for window in windows]
    used = sum(sizes)
    # The largest window opens the first row, whose length goes by it, and every other one joins it while there is room.
    if used > row_length(max(sizes), shortest):
        return None
    width = used + -used % row_align(align)
    input_ids, position_ids = np.zeros((2, 1, width), np.int64)
    segment_ids = np.full((1, width), NOTHING)
    columns = [0] * len(windows)
    column = 0
    for segment, number in enumerate(sorted(range(len(windows)), key=lambda number: -sizes[number])):
        columns[number], end = column, column + len(windows[number])
        input_ids[0, column:end] = windows[number]
        segment_ids[0, column:end] = segment
        position_ids[0, column:end] = np.arange(end - column)
        column += sizes[number]
    return Batch(input_ids, segment_ids, position_ids), columns
