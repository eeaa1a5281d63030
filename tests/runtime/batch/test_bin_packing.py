"""Rows: everything is placed once, nothing overlaps, and hardly a token slot is left over."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runtime.batch.bin_packing import fit


@given(st.lists(st.integers(1, 700), min_size=1, max_size=120))
def test_everything_is_placed_once_and_side_by_side(sizes: list[int]) -> None:
    size = np.array(sizes)
    rows = fit(size, shortest=64)
    assert sorted(rows.order.tolist()) == list(range(len(size)))
    assert set(rows.length.tolist()) <= {64, 128, 256, 512, 1024}
    for row in range(len(rows.length)):
        items = rows.within(np.array([row]))
        ends = np.cumsum(size[items])
        assert rows.column[items].tolist() == [0, *ends[:-1].tolist()]
        assert rows.number[items].tolist() == list(range(rows.count[row]))
        assert rows.used[row] == ends[-1] <= rows.length[row]
        # A row is no longer than its longest item needs.
        assert rows.length[row] == 64 or size[items].max() > rows.length[row] // 2


def test_items_that_fill_rows_leave_nothing() -> None:
    rows = fit(np.array([40, 30, 24, 34] * 10), shortest=64)
    assert len(rows.length) == 20
    assert (rows.used == 64).all()


def test_nothing_needs_no_row() -> None:
    rows = fit(np.array([], np.int64), shortest=64)
    assert len(rows.length) == 0
