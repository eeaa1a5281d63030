"""Bin packing: sizes -> rows of a few fixed lengths, with as few empty token slots as possible.

The module works on sizes alone. It calls the owner of a size an item, and does not know that items are windows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows, and the place of each item in them.

    Attributes:
        length: length of each row. [rows]
        used: number of filled token slots of each row; they are its first ones, without gaps. [rows]
        count: number of items in each row. [rows]
        column: column at which each item begins in its row. [items]
        number: number of each item within its row, from 0. [items]
        order: the items, row by row, and within a row by column. [items]
        first: index of each row's first item in `order`, and the number of all items. [rows + 1]
    """

    length: NDArray[np.int64]
    used: NDArray[np.int64]
    count: NDArray[np.int64]
    column: NDArray[np.int64]
    number: NDArray[np.int64]
    order: NDArray[np.int64]
    first: NDArray[np.int64]

    def within(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The items of these rows, row by row, and within a row by column."""
        return self.order[ranges(self.first[rows], self.count[rows])]


def fit(size: NDArray[np.int64], *, shortest: int) -> Rows:
    """Pack items by best fit decreasing: by falling size, each into the row with the least room that still holds it.

    An item that fits in no row begins a new one. At most 11/9 of the smallest possible number of rows are used
    (Johnson et al. 1974, "Worst-case performance bounds for simple one-dimensional packing algorithms"); with a few
    short items, rows are full to the last token slot.

    Args:
        size: number of token slots of each item, at least 1. [items]
        shortest: length of the shortest rows; the others are 2, 4, 8... times as long.
    """
    # Items of one size are placed together, so that the time depends on the number of sizes, and not on that of items.
    by_size = np.argsort(-size, kind="stable")
    falling = size[by_size]
    first = np.flatnonzero(np.diff(falling, prepend=0))  # not np.unique, which imports numpy.ma: 9 ms of a start
    counts = np.diff(first, append=len(size))
    row, column = np.empty(len(size), np.int64), np.empty(len(size), np.int64)
    lengths: list[int] = []
    room: defaultdict[int, list[int]] = defaultdict(list)  # room left -> rows that have it
    done = 0
    for each, count in zip(falling[first].tolist(), counts.tolist()):
        same = by_size[done : done + count]
        row[same], column[same] = _place(each, count, room, lengths, shortest)
        done += count
    return _rows(size, row, column, np.array(lengths, np.int64))


def row_length(size: int, shortest: int) -> int:
    """The smallest row length that holds an item of that size; see `fit` for the lengths."""
    length = shortest
    while length < size:
        length *= 2
    return length


def _place(
    size: int, count: int, room: defaultdict[int, list[int]], lengths: list[int], shortest: int
) -> tuple[list[int], list[int]]:
    """Rows and columns of `count` items of one size; `room` and `lengths` are changed accordingly."""
    rows: list[int] = []
    columns: list[int] = []
    left_over: list[tuple[int, int]] = []
    length = row_length(size, shortest)
    for free in [*sorted(free for free in room if free >= size and room[free]), 0]:
        fresh = free == 0  # the last turn of the loop: rows with room are used up, and new ones are made
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
    # After the loop, which reads `room` and must not see it change.
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
