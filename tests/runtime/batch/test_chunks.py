"""Chunks: all texts, in order, in lists that are neither too many nor too long."""

from __future__ import annotations

import itertools

import pytest

from runtime.batch.chunks import CHARACTERS, Chunk, chunks
from runtime.errors import UsageError


@pytest.mark.parametrize(
    ("texts", "most", "expected"),
    [
        ([], 2, []),
        (["a", "b", "c"], 2, [Chunk(0, ["a", "b"]), Chunk(2, ["c"])]),
        (["a", "b"], 2, [Chunk(0, ["a", "b"])]),
        (["a", "b"], 1, [Chunk(0, ["a"]), Chunk(1, ["b"])]),
    ],
)
def test_chunks(texts: list[str], most: int, expected: list[Chunk[str]]) -> None:
    assert list(chunks(texts, most)) == expected


def test_long_texts_fill_a_chunk() -> None:
    long = "x" * (CHARACTERS - 1)
    assert [len(chunk.items) for chunk in chunks([long, "ab", "c"], 100)] == [2, 1]


def test_no_text_is_read_before_the_chunk_is_full() -> None:
    endless = map(str, itertools.count())
    assert next(chunks(endless, 3)) == Chunk(0, ["0", "1", "2"])
    assert next(endless) == "3"


def test_later_chunks_are_larger() -> None:
    numbers = [str(number) for number in range(50)]
    made = list(chunks(numbers, 3, growth=4))
    assert [len(chunk.items) for chunk in made] == [3, 6, 12, 12, 12, 5]
    assert [chunk.before for chunk in made] == [0, 3, 9, 21, 33, 45]
    assert [text for chunk in made for text in chunk.items] == numbers
    assert [len(chunk.items) for chunk in chunks(numbers[:20], 4, growth=3)] == [4, 8, 8]
    assert [len(chunk.items) for chunk in chunks(numbers[:30], 4, growth=3)] == [4, 8, 12, 6]


@pytest.mark.parametrize("most", [0, -1])
def test_a_chunk_has_a_text_at_least(most: int) -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        next(chunks(["Oslo"], most))
