"""Tokens of whole texts: those of transformers, their places in the text, and what the pipeline takes for subwords."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import transformers
from numpy.typing import NDArray

from runtime.encode.hf_pipeline import RawEncoder, RawTokens
from runtime.errors import BundleError
from tests.nasty import NASTY, varied_sentences
from tests.tiny import tiny_checkpoint

TEXTS = ["", *varied_sentences(20, seed=4), " Oslo,Lisbon  and\tNairobi", *NASTY]


@pytest.fixture(scope="module", params=["bert", "roberta", "xlm-roberta"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / request.param, architecture=request.param)


@pytest.fixture
def encoder(folder: Path) -> RawEncoder:
    return RawEncoder(folder / "tokenizer.json")


def _arrays(tokens: RawTokens) -> list[NDArray[np.generic]]:
    return [tokens.ids, tokens.text_start, tokens.bounds, tokens.subword]


def test_tokens_and_offsets_are_those_of_transformers(folder: Path, encoder: RawEncoder) -> None:
    texts = [text for text in TEXTS if text.isprintable()]
    expected = transformers.AutoTokenizer.from_pretrained(folder)(
        texts, add_special_tokens=False, return_offsets_mapping=True
    )
    tokens = encoder.encode(texts)
    assert tokens.ids.tolist() == [token for ids in expected["input_ids"] for token in ids]
    assert tokens.bounds.tolist() == [[*pair] for pairs in expected["offset_mapping"] for pair in pairs]
    assert np.diff(tokens.text_start).tolist() == [len(ids) for ids in expected["input_ids"]]
    assert tokens.longest.tolist() == [len(ids) for ids in expected["input_ids"]]


def test_texts_are_tokenized_as_each_is_alone(encoder: RawEncoder) -> None:
    together = encoder.encode(TEXTS)
    joined = RawTokens.joined([encoder.encode([text]) for text in TEXTS])
    for one, other in zip(_arrays(together), _arrays(joined), strict=True):
        assert np.array_equal(one, other)


def test_a_subword_neither_follows_a_space_nor_begins_with_one(encoder: RawEncoder) -> None:
    text = "Mariana Kellerton flew to Nairobian"
    tokens = encoder.encode([text])
    starts = tokens.bounds[:, 0].tolist()
    assert tokens.subword.tolist() == [start > 0 and " " not in text[start - 1 : start + 1] for start in starts]
    assert tokens.subword.any()


def test_words_have_their_places_in_the_joined_text(encoder: RawEncoder, folder: Path) -> None:
    words = [["Maria", "Kellerová", "flew"], [], ["Oslo", ".", "2019"]]
    spaced = RawEncoder(folder / "tokenizer.json", spaced=True)
    tokens = spaced.encode_words(words, " - ")
    assert len(tokens.text_start) == 4
    for text, first, last in zip(words, tokens.text_start[:-1].tolist(), tokens.text_start[1:].tolist()):
        joined = " - ".join(text)
        covered = {place for start, end in tokens.bounds[first:last].tolist() for place in range(start, end)}
        at = 0
        for word in text:
            assert covered >= set(range(at, at + len(word))), word
            at += len(word) + 3
        assert max(covered, default=-1) < len(joined) or not joined


def test_the_unknown_token_is_the_tokenizers(folder: Path, encoder: RawEncoder) -> None:
    expected = transformers.AutoTokenizer.from_pretrained(folder).unk_token_id
    assert encoder.unknown == expected


def test_no_texts_and_no_words(encoder: RawEncoder) -> None:
    for tokens in (encoder.encode([]), encoder.encode_words([], " ")):
        assert [len(array) for array in _arrays(tokens)] == [0, 1, 0, 0]
        assert tokens.bounds.shape == (0, 2)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match=r"tokenizer\.json: not a tokenizer"):
        RawEncoder(tmp_path / "tokenizer.json")


def test_ids_that_no_array_could_hold_are_refused(tmp_path: Path) -> None:
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "Oslo": 2**31}, "unk_token": "[UNK]"}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))
    with pytest.raises(BundleError, match=r"its ids reach 2,147,483,648, at most 16,777,216 are read"):
        RawEncoder(tmp_path / "tokenizer.json")
