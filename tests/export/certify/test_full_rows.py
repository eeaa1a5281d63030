"""Rows that are full to the last token slot, of running text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.certify.full_rows import ROW_LENGTHS, ROWS_OF_EACH, full_length_sequences, row_lengths, runs


def test_lengths_alternate_and_the_longest_comes_first() -> None:
    assert row_lengths(64) == [64] * ROWS_OF_EACH
    assert row_lengths(100) == [100, 64] * ROWS_OF_EACH
    assert row_lengths(512)[:5] == [512, 256, 128, 64, 512]
    assert row_lengths(512).count(512) == ROWS_OF_EACH


def test_the_numbers() -> None:
    assert (ROW_LENGTHS, ROWS_OF_EACH) == ((64, 128, 256, 512), 48)


class Letters:
    """A tokenizer that makes a token of each letter, and two special ones around a text."""

    def tokens(self, sentences: Sequence[Sequence[str]]) -> list[int]:
        return [2 + sum(map(len, words)) for words in sentences]


def test_rows_are_filled_across_the_ends_of_sentences() -> None:
    sentences = [("aa", "b"), ("ccc",), ("d", "ee", "f")]
    found = full_length_sequences(Letters(), sentences, [5, 6, 5])  # type: ignore[arg-type]
    assert found == [("aa", "b"), ("ccc", "d"), ("ee", "f")]
    # A row without a slot for words has no text, and a word that is larger than the row fills none.
    assert full_length_sequences(Letters(), [("a",)], [2, 3]) == [("a",)]  # type: ignore[arg-type]
    assert full_length_sequences(Letters(), [("aaaa",)], [5]) == []  # type: ignore[arg-type]


def test_no_more_words_are_looked_at_than_all_rows_hold() -> None:
    asked: list[int] = []

    class Counting(Letters):
        def tokens(self, sentences: Sequence[Sequence[str]]) -> list[int]:
            asked.append(len(sentences))
            return super().tokens(sentences)

    full_length_sequences(Counting(), [("a",)] * 60_000, [64])  # type: ignore[arg-type]
    # 48 rows of 64 + 128 + 256 + 512 slots, and a tenth more.
    assert asked == [1, 50_688]


def test_rows_of_a_long_model_are_few() -> None:
    assert row_lengths(8192) == [8192, *row_lengths(512)]
    assert row_lengths(513)[:3] == [513, 512, 256]


@pytest.mark.parametrize(
    ("sizes", "rooms", "expected"),
    [
        ([1, 1, 1, 1], [2, 2], [(0, 2), (2, 4)]),
        ([2, 2, 1, 1], [3, 1], [(1, 3), (3, 4)]),  # no run from the first word fills 3
        ([1, 0, 1, 0], [1, 1], [(0, 2), (2, 4)]),  # a word without tokens goes with the word before it
        ([1, 1], [5, 5], [(0, 2)]),  # the end of the text fills a row in part
        ([9], [5], [(0, 0)]),  # a word larger than the row
        ([], [5], []),
    ],
)
def test_runs(sizes: list[int], rooms: list[int], expected: list[tuple[int, int]]) -> None:
    found = list(runs([0, *itertools.accumulate(sizes)], rooms))
    assert [run for run in found if run[0] < run[1]] == [run for run in expected if run[0] < run[1]]


@given(st.lists(st.integers(0, 4), max_size=60), st.lists(st.integers(1, 12), max_size=10))
def test_runs_are_full_in_order_and_disjoint(sizes: list[int], rooms: list[int]) -> None:
    borders = [0, *itertools.accumulate(sizes)]
    found = list(runs(borders, rooms))
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(found))
    held = [borders[end] - borders[start] for start, end in found]
    assert all(size in rooms for size in held[:-1])
    assert all(size <= max(rooms) for size in held)
