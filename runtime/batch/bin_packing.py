"""Sizes -> rows of a few fixed lengths, filled as well as can be. Pure, and knows nothing of what has those sizes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows, and where in them each thing went.

    Attributes:
        length: of each row. [rows]
        used: token slots of each row that hold something, from its first on, without gaps. [rows]
        count: things in each row. [rows]
        column: where in its row each thing begins. [things]
        number: which of its row each thing is, from 0. [things]
        order: things, row by row, and in a row by column. [things]
        first: where each row's things begin in `order`. [rows + 1]
    """

    length: NDArray[np.int64]
    used: NDArray[np.int64]
    count: NDArray[np.int64]
    column: NDArray[np.int64]
    number: NDArray[np.int64]
    order: NDArray[np.int64]
    first: NDArray[np.int64]

    def within(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The things of these rows, row by row, and in a row by column."""
        return self.order[ranges(self.first[rows], self.count[rows])]


def fit(size: NDArray[np.int64], *, shortest: int) -> Rows:
    """Best fit by falling size: each thing goes where it leaves the least room; where there is none, into a new row.

    Things of one size are placed together, so that the time depends on how many sizes there are and not on how many
    things. Johnson et al. 1974, "Worst-case performance bounds for simple one-dimensional packing algorithms": never
    more than 11/9 of the fewest rows possible, and a few short things among them fill rows to the last token slot.

    Args:
        size: token slots that each thing takes, at least 1. [things]
        shortest: length of the shortest rows; the others are 2, 4, 8... times as long.
    """
    by_size = np.argsort(-size, kind="stable")
    sizes, counts = np.unique(size, return_counts=True)
    row, column = np.empty(len(size), np.int64), np.empty(len(size), np.int64)
    lengths: list[int] = []
    room: defaultdict[int, list[int]] = defaultdict(list)  # room left -> rows that have it
    done = 0
    for each, count in zip(sizes[::-1].tolist(), counts[::-1].tolist()):
        same = by_size[done : done + count]
        row[same], column[same] = _place(each, count, room, lengths, shortest)
        done += count
    return _rows(size, row, column, np.array(lengths, np.int64))


def row_length(size: int, shortest: int) -> int:
    """Length of the shortest rows that hold something of that size; `fit` says which lengths there are."""
    length = shortest
    while length < size:
        length *= 2
    return length


def _place(
    size: int, count: int, room: defaultdict[int, list[int]], lengths: list[int], shortest: int
) -> tuple[list[int], list[int]]:
    """Rows and columns for that many things of one size; `room` and `lengths` are brought up to date."""
    rows: list[int] = []
    columns: list[int] = []
    left_over: list[tuple[int, int]] = []
    length = row_length(size, shortest)
    for free in [*sorted(free for free in room if free >= size and room[free]), 0]:
        # After all rows with room, new ones.
        fresh = free == 0
        each = (length if fresh else free) // size
        while len(rows) < count and (fresh or room[free]):
            if fresh:
                lengths.append(length)
            at, left = (len(lengths) - 1, length) if fresh else (room[free].pop(), free)
            taken = min(each, count - len(rows))
            begin = lengths[at] - left
            rows += [at] * taken
            columns += range(begin, begin + taken * size, size)
            left_over.append((left - taken * size, at))
    for left, at in left_over:
        room[left].append(at)
    return rows, columns


def _rows(
    size: NDArray[np.int64], row: NDArray[np.int64], column: NDArray[np.int64], length: NDArray[np.int64]
) -> Rows:
    order = np.lexsort((column, row))
    count = np.bincount(row, minlength=len(length))
    used = np.bincount(row, weights=size, minlength=len(length)).astype(np.int64)
    first = starts_from_counts(count)
    number = np.empty(len(size), np.int64)
    number[order] = np.arange(len(size)) - np.repeat(first[:-1], count)
    return Rows(length, used, count, column, number, order, first)
