"""Plain words have the tokens that the library gives them, and what only the library knows is left to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from runtime.encode.word_pieces import WordPieces, word_pieces_of

VOCABULARY = [
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "a",
    "ab",
    "aB",
    "abc",
    "b",
    "c",
    "1",
    "9",
    ".",
    "-",
    "a.b",
    "##b",
    "##c",
    "##1",
]
VOCABULARY += ["##bc", "##9", "B", "A", "##B"]
# Pieces of them fall into all of the rules: known whole, in parts, unknown, cut at punctuation.
words = st.text(st.sampled_from("abcABC19.-['x"), min_size=1, max_size=24)


def _tokenizer(added: Sequence[str | AddedToken] = (), *, lowercase: bool = False, least: int = 100) -> Tokenizer:
    ids = {token: number for number, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=least))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]"])
    tokenizer.add_tokens(list(added))
    return tokenizer


def _read(tokenizer: Tokenizer) -> WordPieces:
    return word_pieces_of(tokenizer, tokenizer.get_vocab(with_added_tokens=True))


def _of(pieces: WordPieces, words: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Those of the words that are read."""
    return {word: pieces[word] for word in words if pieces.reads(word)}


def _by_library(tokenizer: Tokenizer, word: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids)


@pytest.mark.parametrize("lowercase", [False, True])
@given(word=words)
def test_tokens_are_the_librarys(lowercase: bool, word: str) -> None:
    tokenizer = _tokenizer(lowercase=lowercase)
    found = _of(_read(tokenizer), [word])
    is_read = "[" not in word and len(word) <= 20
    assert found == ({word: _by_library(tokenizer, word)} if is_read else {})


@given(word=words, added=st.lists(st.text(st.sampled_from("abA1é. "), min_size=1, max_size=3), max_size=2))
def test_so_they_are_beside_tokens_that_were_added(word: str, added: list[str]) -> None:
    for normalized in (False, True):
        tokenizer = _tokenizer([AddedToken(each, normalized=normalized) for each in added], lowercase=True)
        for read, ids in _of(_read(tokenizer), [word]).items():
            assert ids == _by_library(tokenizer, read)


def test_a_short_texts_words_are_read_here_and_no_others() -> None:
    asked = ["ab", "abC", "abcx", "a.b", "1-9", "aé", "a b", "", "[CLS]", "a" * 21, "\x07"]
    assert [*_of(_read(_tokenizer()), asked)] == ["ab", "abC", "abcx", "a.b", "1-9"]


def test_a_word_in_which_an_added_token_may_stand_is_left() -> None:
    tokenizer = _tokenizer(["bc"])
    assert [*_of(_read(tokenizer), ["a", "abc", "19"])] == ["a", "19"]
    assert _by_library(tokenizer, "abc") != (VOCABULARY.index("abc"),)


def _other_model() -> Tokenizer:
    tokenizer = _tokenizer()
    tokenizer.model = models.WordLevel({"[UNK]": 0, "ab": 1}, unk_token="[UNK]")
    return tokenizer


def _other_normalizer() -> Tokenizer:
    tokenizer = _tokenizer()
    tokenizer.normalizer = normalizers.Sequence([normalizers.BertNormalizer(), normalizers.Replace("a", "b")])
    return tokenizer


def _other_cut() -> Tokenizer:
    tokenizer = _tokenizer()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def _short_words() -> Tokenizer:
    return _tokenizer(least=2)


@pytest.mark.parametrize("make", [_other_model, _other_normalizer, _other_cut, _short_words])
def test_of_other_tokenizers_nothing_is_read(make: Callable[[], Tokenizer]) -> None:
    assert _of(_read(make()), ["ab", "19"]) == {}


def test_an_unknown_word_is_the_librarys_error_where_the_vocabulary_has_no_token_for_it() -> None:
    tokenizer = _tokenizer()
    ids = {token: number for token, number in tokenizer.get_vocab().items() if token != "[UNK]"}
    assert _of(word_pieces_of(tokenizer, ids), ["ab"]) == {}


def test_what_is_asked_for_is_kept_and_can_be_forgotten() -> None:
    pieces = _read(_tokenizer())
    pieces["\u00e9"] = (1, 2)
    assert (pieces["\u00e9"], pieces["ab"], [*pieces]) == ((1, 2), (VOCABULARY.index("ab"),), ["\u00e9", "ab"])
    fresh = pieces.forgotten()
    assert ([*fresh], fresh["ab"]) == ([], pieces["ab"])
    with pytest.raises(KeyError):
        fresh["\u00e9"]
