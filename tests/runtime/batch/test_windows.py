"""Windows: every token is answered once, where it has most context; texts that fit are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.batch.ragged import ranges, starts_from_counts
from runtime.batch.windows import Windows, blocks_of, in_context, windows_of


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[int], int, int]:
    capacity = draw(st.integers(1, 20))
    stride = draw(st.integers(0, capacity - 1))
    return draw(st.lists(st.integers(0, 60), max_size=8)), capacity, stride


def _cut(sizes: list[int], capacity: int, stride: int) -> Windows:
    return windows_of(starts_from_counts(sizes), capacity=capacity, stride=stride)


@settings(max_examples=300, deadline=None)
@given(_cases())
def test_every_token_is_kept_exactly_once_and_in_order(case: tuple[list[int], int, int]) -> None:
    sizes, capacity, stride = case
    windows = _cut(sizes, capacity, stride)
    np.testing.assert_array_equal(ranges(windows.start + windows.skip, windows.keep), np.arange(sum(sizes)))
    assert (windows.skip >= 0).all()
    assert (windows.keep > 0).all()
    assert (windows.skip + windows.keep <= windows.count).all()


@settings(max_examples=300, deadline=None)
@given(_cases())
def test_windows_stay_in_their_text_and_are_full(case: tuple[list[int], int, int]) -> None:
    sizes, capacity, stride = case
    windows = _cut(sizes, capacity, stride)
    starts = starts_from_counts(sizes)
    text = np.searchsorted(starts, windows.start, side="right") - 1
    assert (windows.start + windows.count <= starts[text + 1]).all()
    np.testing.assert_array_equal(windows.count, np.minimum(np.array(sizes, np.int64)[text], capacity))
    # No more of them than the stride asks for: leaving the last one out would leave tokens out.
    expected = [0 if size == 0 else 1 + max(0, -(-(size - capacity) // (capacity - stride))) for size in sizes]
    np.testing.assert_array_equal(np.bincount(text, minlength=len(sizes)) if len(sizes) else [], expected)


@settings(max_examples=200, deadline=None)
@given(_cases())
def test_a_text_is_cut_as_it_is_alone(case: tuple[list[int], int, int]) -> None:
    sizes, capacity, stride = case
    windows = _cut(sizes, capacity, stride)
    alone = [_cut([size], capacity, stride) for size in sizes]
    for column in ("count", "skip", "keep"):
        together = np.concatenate([np.empty(0, np.int64), *(getattr(one, column) for one in alone)])
        np.testing.assert_array_equal(getattr(windows, column), together)


@settings(max_examples=200, deadline=None)
@given(_cases())
def test_each_token_is_answered_where_its_nearer_edge_is_farthest(case: tuple[list[int], int, int]) -> None:
    sizes, capacity, stride = case
    windows = _cut(sizes, capacity, stride)
    starts = starts_from_counts(sizes)
    end = windows.start + windows.count
    kept_by = np.repeat(np.arange(len(windows.start)), windows.keep)
    for token in range(sum(sizes)):
        holds = np.flatnonzero((windows.start <= token) & (token < end))
        text = np.searchsorted(starts, token, side="right") - 1
        # An edge of the text is none of the window: nothing is missing there.
        left = np.where(windows.start[holds] == starts[text], 10**6, token - windows.start[holds])
        right = np.where(end[holds] == starts[text + 1], 10**6, end[holds] - 1 - token)
        room = dict(zip(holds.tolist(), np.minimum(left, right).tolist()))
        assert room[int(kept_by[token])] >= max(room.values()) - 1  # in the middle, either will do


@pytest.mark.parametrize("stride", [0, 3, 9])
def test_a_text_that_fits_is_one_window(stride: int) -> None:
    windows = _cut([10, 0, 1], 10, stride)
    assert windows.start.tolist() == [0, 10]
    assert windows.count.tolist() == windows.keep.tolist() == [10, 1]
    assert windows.skip.tolist() == [0, 0]


@settings(max_examples=200, deadline=None)
@given(_cases(), st.integers(1, 100))
def test_blocks_answer_for_everything_once(case: tuple[list[int], int, int], tokens: int) -> None:
    sizes, capacity, stride = case
    windows = _cut(sizes, capacity, stride)
    blocks = list(blocks_of(windows, tokens=tokens))
    done = 0
    for block in blocks:
        assert (block.windows.start >= 0).all()
        assert (block.windows.start + block.windows.count <= block.end - block.start).all()
        kept = ranges(block.start + block.windows.start + block.windows.skip, block.windows.keep)
        np.testing.assert_array_equal(kept, np.arange(block.keep_start, block.keep_end))
        assert block.keep_start == done
        done = block.keep_end
        assert block.windows.count.sum() < tokens + capacity
    assert done == sum(sizes)


@settings(max_examples=300, deadline=None)
@given(_cases(), st.integers(1, 30), st.data())
def test_context_adds_to_windows_and_takes_no_answer_away(
    case: tuple[list[int], int, int], context: int, data: st.DataObject
) -> None:
    sizes, capacity, stride = case
    starts = starts_from_counts(sizes)
    windows = _cut(sizes, capacity, stride)
    # Some sentences are the only ones of their text, some have neighbors.
    texts = sorted({0, int(starts[-1]), *data.draw(st.lists(st.sampled_from(starts.tolist())))})
    wide = in_context(windows, np.array(texts), capacity=capacity, context=context)
    np.testing.assert_array_equal(wide.start + wide.skip, windows.start + windows.skip)
    np.testing.assert_array_equal(wide.keep, windows.keep)
    assert (wide.count <= capacity).all()
    text = np.searchsorted(texts, windows.start, side="right") - 1
    end, wide_end = windows.start + windows.count, wide.start + wide.count
    np.testing.assert_array_equal(np.searchsorted(texts, wide.start, side="right") - 1, text)
    assert (wide_end <= np.array(texts)[text + 1]).all() if len(text) else True
    left, right = windows.start - wide.start, wide_end - end
    assert ((left >= 0) & (right >= 0) & (left <= context) & (right <= context)).all()
    # Nothing that fits is left out.
    full = (wide.count == capacity) | (left == np.minimum(context, windows.start - np.array(texts)[text]))
    assert full.all()
    for block in blocks_of(wide, tokens=20):
        assert (block.windows.start >= 0).all()
        assert (block.windows.start + block.windows.count <= block.end - block.start).all()
