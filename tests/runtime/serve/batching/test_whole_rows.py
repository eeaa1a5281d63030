"""Texts that fill a batch of whole rows: never more rows, hardly fewer, and the first ones alone are as if given so."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runtime.batch.bin_packing import fit
from runtime.batch.ragged import starts_from_counts
from runtime.encode.tokenizer import Encoder
from runtime.serve.batching.whole_rows import first_texts, texts_in_rows
from tests.lookup import lookup_bundle
from tests.runtime.serve.slow_backend import WORDS


def _texts_in_rows(texts: list[list[int]], *, rows: int, align: int = 1) -> int:
    sizes = [size for text in texts for size in text]
    sentence_start = starts_from_counts(sizes)
    text_start = starts_from_counts([sum(text) for text in texts])
    return texts_in_rows(sentence_start, text_start, around=2, align=align, length=64, rows=rows)


def _rows(texts: list[list[int]], align: int) -> int:
    sizes = np.array([-(-(size + 2) // align) * align for text in texts for size in text if size], np.int64)
    return int((fit(sizes, shortest=64).length == 64).sum())


@given(
    st.lists(st.lists(st.integers(0, 90), max_size=3), min_size=1, max_size=60),
    st.integers(1, 9),
    st.sampled_from([1, 4]),
)
def test_texts_take_no_more_rows_than_are_wanted(texts: list[list[int]], rows: int, align: int) -> None:
    count = _texts_in_rows(texts, rows=rows, align=align)
    assert 1 <= count <= len(texts)
    assert count == 1 or _rows(texts[:count], align) <= rows


def test_of_a_little_too_much_nearly_all_rows_are_filled() -> None:
    chance = random.Random(5)
    for _ in range(30):
        texts = [[chance.randint(2, 40)] for _ in range(54)]
        count = _texts_in_rows(texts, rows=16, align=4)
        assert _rows(texts[:count], 4) in (15, 16)
        assert count == len(texts) or _rows(texts[: count + 1], 4) > 16


def test_a_text_that_is_too_much_alone_is_taken() -> None:
    assert _texts_in_rows([[60, 60, 60]], rows=2) == 1
    assert _texts_in_rows([[60, 60, 60], [5]], rows=2) == 1


def test_longer_parts_have_rows_of_their_own() -> None:
    assert _texts_in_rows([[60], [100], [60], [60]], rows=2) == 3


def test_the_first_texts_are_as_if_encoded_alone(tmp_path: Path) -> None:
    encoder = Encoder(lookup_bundle(tmp_path / "bundle", WORDS, max_length=512) / "tokenizer.json")
    texts = ["Angela Merkel went. Paris broke.", "", "Paris", " ", "nan broken Paris"]
    encoded, _ = encoder.encode_texts(texts, sentences=True)
    for count in range(1, len(texts) + 1):
        alone, _ = encoder.encode_texts(texts[:count], sentences=True)
        first = first_texts(encoded, count)
        for name in ("ids", "text_start", "word_start", "first_token", "sentence_start", "sentence_word"):
            np.testing.assert_array_equal(getattr(first, name), getattr(alone, name), err_msg=f"{name} of {count}")
