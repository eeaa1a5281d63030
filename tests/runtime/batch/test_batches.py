"""Batches: every token goes in and comes out, in few shapes, in hardly more token slots than there are tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.batch.alignment import LANES
from runtime.batch.batches import Batch, Placed, SpecialTokens, packed_batches, padded_batches, with_rows
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import Windows, windows_of
from runtime.errors import BugError
from runtime.text.conll import read_conll

SPECIAL_TOKENS = SpecialTokens((101,), (102, 103))
_CAPACITY = 500


def cut(lengths: Sequence[int]) -> tuple[NDArray[np.int64], Windows]:
    """Texts of so many tokens: ids that are all different, and windows."""
    starts = starts_from_counts(list(lengths))
    ids = np.arange(1000, 1000 + int(starts[-1]))
    return ids, windows_of(starts, capacity=_CAPACITY, stride=100)


def packed(ids: NDArray[np.int64], windows: Windows, *, trim: bool = False) -> Iterator[Placed]:
    """As the runtime packs."""
    return packed_batches(ids, windows, SPECIAL_TOKENS, shortest=64, slots=512, trim=trim)


def sentence_lengths(count: int) -> list[int]:
    """Tokens of that many sentences, as long as those of news are."""
    drawn = np.exp(np.random.default_rng(0).normal(2.75, 0.75, count))
    return [int(length) for length in np.clip(drawn, 1, 400)]


def fill(placed: Sequence[Placed]) -> float:
    """Share of all token slots that hold something."""
    return sum(int(each.batch.attention_mask.sum()) for each in placed) / sum(
        each.batch.input_ids.size for each in placed
    )


@given(st.lists(st.integers(0, 1200), max_size=60), st.sampled_from(["padded", "packed", "trimmed"]))
def test_every_token_goes_in_and_comes_out(lengths: list[int], how: str) -> None:
    ids, windows = cut(lengths)
    batches = padded_batches(ids, windows, SPECIAL_TOKENS, rows=8, slots=512) if how == "padded" else None
    found = np.zeros_like(ids)
    for placed in batches or packed(ids, windows, trim=how == "trimmed"):
        assert (found[placed.tokens] == 0).all()
        found[placed.tokens] = placed.batch.input_ids.ravel()[placed.slots]
        check_windows(placed.batch, ids)
    assert np.array_equal(found, ids)


def check_windows(batch: Batch, ids: NDArray[np.int64]) -> None:
    """Each segment of each row is a whole window: special tokens around a run of ids, positions from 0 on."""
    for row, segments, positions in zip(batch.input_ids, batch.segment_ids, batch.position_ids):
        filled = segments >= 0
        assert (np.diff(segments[filled]) >= 0).all()
        assert (row[~filled] == 0).all()
        assert (positions[~filled] == 0).all()
        assert sorted(set(segments[filled].tolist())) == list(range(segments.max() + 1))
        for segment in range(segments.max() + 1):
            window = row[segments == segment]
            assert positions[segments == segment].tolist() == list(range(len(window)))
            assert (window[0], window[-2], window[-1]) == (101, 102, 103)
            assert (np.diff(window[1:-2]) == 1).all()


@given(st.lists(st.integers(1, 1200), max_size=200))
def test_shapes_are_few(lengths: list[int]) -> None:
    for placed in packed(*cut(lengths)):
        rows, length = placed.batch.input_ids.shape
        assert length in (64, 128, 256, 512)
        assert rows in (1, 2, 4, 8)
        assert rows * length <= 512


def test_what_does_not_fill_a_batch_is_one_batch_where_any_shape_will_do() -> None:
    def rows(trim: bool, sentences: int) -> list[int]:
        cut_up = cut([61] * sentences)
        made = packed_batches(*cut_up, SPECIAL_TOKENS, shortest=64, slots=512, trim=trim)
        return [len(placed.batch.input_ids) for placed in made]

    assert rows(True, 7) == [7]
    assert rows(True, 19) == [8, 8, 3]


def test_the_rest_is_in_few_batches_of_few_shapes() -> None:
    def rows(sentences: int, slots: int = 128 * 64) -> list[int]:
        made = packed_batches(*cut([61] * sentences), SPECIAL_TOKENS, shortest=64, slots=slots, trim=False)
        return [len(placed.batch.input_ids) for placed in made]

    assert rows(7) == [8]
    assert rows(16) == [16]
    assert rows(17) == [16, 1]
    assert rows(23) == [16, 8]
    assert rows(24) == [32]
    assert rows(100) == [128]
    assert rows(95) == [64, 32]
    assert rows(128 + 128 + 70) == [128, 128, 64, 8]
    # A number of rows that is none of 1, 2, 4, 8... is never passed by filling up.
    assert rows(6 + 5, slots=6 * 64) == [6, 4, 1]
    assert rows(3, slots=1) == [1, 1, 1]


def test_rows_that_fill_a_batch_up_are_copies_that_no_token_is_read_from() -> None:
    (placed,) = packed_batches(*cut([61] * 5), SPECIAL_TOKENS, shortest=64, slots=512, trim=False)
    ids = placed.batch.input_ids
    assert [row.tolist() for row in ids[5:]] == [ids[0].tolist()] * 3
    assert len(placed.slots) == 5 * 61
    assert placed.slots.max() < 5 * 64


@pytest.mark.parametrize("align", [2, 8, 16])
@given(lengths=st.lists(st.integers(1, 200), min_size=1, max_size=40))
def test_aligned_windows_begin_at_such_columns_in_rows_of_whole_vectors(align: int, lengths: list[int]) -> None:
    made = [*packed_batches(*cut(lengths), SPECIAL_TOKENS, shortest=64, slots=512, trim=True, align=align)]
    for placed in made:
        begins = np.flatnonzero(placed.batch.input_ids.ravel() == SPECIAL_TOKENS.prefix[0])
        length = placed.batch.input_ids.shape[1]
        assert (begins % length % align == 0).all()
        assert length % LANES == 0
    padded = padded_batches(*cut(lengths), SPECIAL_TOKENS, rows=8, slots=1024, align=align)
    assert all(placed.batch.input_ids.shape[1] % LANES == 0 for placed in padded)


@given(st.lists(st.integers(0, 1200), max_size=60))
def test_padded_rows_of_fixed_lengths(lengths: list[int]) -> None:
    ids, windows = cut(lengths)
    found = np.zeros_like(ids)
    for placed in padded_batches(ids, windows, SPECIAL_TOKENS, rows=8, slots=1024, lengths=(64, 256, 503)):
        rows, length = placed.batch.input_ids.shape
        assert length in (64, 256, 503)
        assert rows == 1 or rows * length <= 1024
        # No row is filled up to more than its own next length.
        used = placed.batch.attention_mask.sum(axis=1)
        assert length == 64 or (used > {256: 64, 503: 256}[length]).all()
        found[placed.tokens] = placed.batch.input_ids.ravel()[placed.slots]
    assert np.array_equal(found, ids)


def test_a_window_longer_than_all_rows_is_a_bug() -> None:
    with pytest.raises(BugError, match="a window of 73 tokens, and rows of 64 at most"):
        list(padded_batches(*cut([5, 70]), SPECIAL_TOKENS, rows=8, slots=512, lengths=(64,)))


def test_more_rows_are_copies_of_the_first() -> None:
    batch = next(packed(*cut([40, 50, 60]))).batch
    assert with_rows(batch, len(batch.input_ids)) is batch
    more = with_rows(batch, 7)
    assert more.input_ids.shape == (7, 64)
    assert np.array_equal(more.input_ids[: len(batch.input_ids)], batch.input_ids)
    for array in (more.input_ids, more.segment_ids, more.position_ids):
        assert np.array_equal(array[-1], array[0])


def test_long_windows_lie_in_long_rows() -> None:
    for placed in packed(*cut([*sentence_lengths(200), 480, 450])):
        longest = placed.batch.position_ids.max() + 1
        assert placed.batch.input_ids.shape[1] == 64 or longest > placed.batch.input_ids.shape[1] // 2


def test_one_text_takes_no_more_than_it_needs() -> None:
    (placed,) = packed(*cut([20]), trim=True)
    assert placed.batch.input_ids.shape == (1, 23)
    (placed,) = packed(*cut([20]))
    assert placed.batch.input_ids.shape == (1, 64)


@pytest.mark.parametrize("count", [512, 10_000])
def test_fill(count: int) -> None:
    assert fill(list(packed(*cut(sentence_lengths(count))))) >= 0.97


def test_fill_on_conll(conll: Path) -> None:
    # A word has 1.35 tokens there; what counts is how lengths are spread.
    lengths = [round(1.35 * len(sentence.words)) for sentence in read_conll(conll / "train.txt")][:2000]
    assert fill(list(packed(*cut(lengths)))) >= 0.97


@pytest.mark.slow  # not for its length: beside other work it can miss the bound
def test_ten_thousand_windows_are_packed_in_no_time() -> None:
    ids, windows = cut(sentence_lengths(10_000))
    times = []
    for _ in range(7):
        begun = time.process_time()
        list(packed(ids, windows))
        times.append(time.process_time() - begun)
    assert min(times) < 0.02


@pytest.mark.parametrize(("ids", "positions", "found"), [([7, 3], [0, 4], "positions from 0 to 4"), ([-1], [0], "-1")])
def test_ids_outside_a_table_are_a_bug(ids: list[int], positions: list[int], found: str) -> None:
    batch = Batch(np.array([ids]), np.zeros((1, len(ids)), np.int64), np.array([positions]))
    with pytest.raises(BugError, match=found):
        batch.check(vocabulary=8, positions=4)


def test_batch_names_what_a_graph_takes() -> None:
    (placed,) = packed(*cut([3]), trim=True)
    assert list(placed.batch.named(["input_ids", "segment_ids"])) == ["input_ids", "segment_ids"]
    types = placed.batch.named(["input_ids", "attention_mask", "token_type_ids"])["token_type_ids"]
    assert (types == 0).all()


@given(st.integers(1, 1200), st.integers(0, 2), st.booleans(), st.booleans())
def test_a_window_alone_is_placed_as_it_is_among_others(length: int, which: int, padded: bool, trim: bool) -> None:
    ids, windows = cut([length])
    chosen = slice(which % len(windows.count), which % len(windows.count) + 1)
    one = Windows(windows.start[chosen], windows.count[chosen], windows.skip[chosen], windows.keep[chosen])
    two = Windows(*(np.repeat(column, 2) for column in (one.start, one.count, one.skip, one.keep)))
    if padded:
        (alone,), (twins,) = (padded_batches(ids, each, SPECIAL_TOKENS, rows=2, slots=9999) for each in (one, two))
    else:
        # Rows as long as the window: two of them, trimmed or full, lie in a batch of two rows.
        size = int(one.count[0]) + len(SPECIAL_TOKENS)
        (alone,) = packed_batches(ids, one, SPECIAL_TOKENS, shortest=size, slots=2 * size, trim=trim)
        (twins,) = packed_batches(ids, two, SPECIAL_TOKENS, shortest=size, slots=2 * size, trim=trim)
    for name in ("input_ids", "segment_ids", "position_ids", "attention_mask"):
        np.testing.assert_array_equal(getattr(alone.batch, name), getattr(twins.batch, name)[:1])
    half = len(twins.slots) // 2
    np.testing.assert_array_equal(alone.slots, twins.slots[:half])
    np.testing.assert_array_equal(alone.tokens, twins.tokens[:half])


def test_a_window_alone_takes_the_shortest_row_that_holds_it() -> None:
    for length, row in ((1, 64), (61, 64), (62, 128), (300, 512)):
        (alone,) = packed(*cut([length]))
        assert alone.batch.input_ids.shape == (1, row)
