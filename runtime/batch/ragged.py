"""Functions for ragged arrays: runs of different lengths that lie one after another in one flat array.

The module does not know what the runs are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def starts_from_counts(counts: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
    """Number of each run's first element, and the number of all elements: [2, 3] -> [0, 2, 5]. [runs + 1]"""
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ranges of numbers, one after another: starts [5, 0], counts [2, 3] -> [5, 6, 0, 1, 2]. [sum of counts]"""
    total = int(counts.sum())
    return np.repeat(starts - starts_from_counts(counts)[:-1], counts) + np.arange(total)


def joined_starts(parts: Sequence[NDArray[np.int64]], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The starts of several ragged arrays as those of one: [0, 2, 5] and [0, 1] -> [0, 2, 5, 6]. [all runs + 1]

    Args:
        parts: starts of each array, as starts_from_counts gives them.
        offsets: the same of the arrays themselves, here [0, 5, 6].
    """
    begun = [part[:-1] + offset for part, offset in zip(parts, offsets)]
    return np.concatenate([*begun, offsets[-1:]])


def longest_of(inner: NDArray[np.int64], outer: NDArray[np.int64]) -> NDArray[np.int64]:
    """The size of the longest inner run in each outer one: [0, 2, 5, 6] in [0, 5, 5, 6] -> [3, 0, 1]. [outer runs]"""
    longest = np.zeros(len(outer) - 1, np.int64)
    size = np.diff(inner)
    some = size > 0  # an empty one may begin where all end
    np.maximum.at(longest, np.searchsorted(outer, inner[:-1][some], side="right") - 1, size[some])
    return longest


def distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each number once, in rising order: np.unique without its import of numpy.ma, 9 ms of a process's first answer."""
    ordered = np.sort(numbers)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]
