"""Runs of unequal length that lie flat in one array."""

from __future__ import annotations

import numpy as np

from runtime.batch.ragged import distinct, joined_starts, longest_of, ranges, starts_from_counts


def test_starts() -> None:
    assert starts_from_counts([2, 3]).tolist() == [0, 2, 5]
    assert starts_from_counts([]).tolist() == [0]


def test_ranges() -> None:
    assert ranges(np.array([5, 0, 9]), np.array([2, 3, 0])).tolist() == [5, 6, 0, 1, 2]
    assert ranges(np.array([], np.int64), np.array([], np.int64)).tolist() == []


def test_joined_starts_are_those_of_the_joined_runs() -> None:
    parts = [[2, 3], [], [1]]
    offsets = starts_from_counts([sum(counts) for counts in parts])
    joined = joined_starts([starts_from_counts(counts) for counts in parts], offsets)
    assert joined.tolist() == starts_from_counts([2, 3, 1]).tolist()


def test_longest_of() -> None:
    inner, outer = np.array([0, 2, 5, 6, 6]), np.array([0, 5, 5, 6, 6])
    assert longest_of(inner, outer).tolist() == [3, 0, 1, 0]
    assert longest_of(np.zeros(1, np.int64), np.zeros(1, np.int64)).tolist() == []


def test_distinct_numbers_rise() -> None:
    assert distinct(np.array([5, 0, 5, -2, 0])).tolist() == [-2, 0, 5]
    assert distinct(np.array([7])).tolist() == [7]
    assert distinct(np.array([], np.int64)).tolist() == []
