"""Texts or words -> tokens, for many texts at once, in flat arrays.

The tokenizer gets the words of a text one by one, as it did when the model was trained on a corpus of words. That is
what `is_split_into_words` does in transformers, and what export certifies against. Python objects for single words
exist only for a block of words at a time, so that memory stays small. The module does not know models or labels, or
how tokens are put into rows.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from runtime.batch.batches import SpecialTokens
from runtime.batch.ragged import distinct, joined_starts, longest_of, starts_from_counts
from runtime.encode.piece_table import TextWords
from runtime.encode.pieces import Pieces
from runtime.encode.word_pieces import MOST_KNOWN, word_pieces_of
from runtime.errors import BundleError
from runtime.text.sentences import sentence_starts
from runtime.text.words import RUN

# Longest word, in code points, whose tokens are kept: longer ones rarely come again, and can have megabytes.
LONGEST_KNOWN = 64
# So many new words, more than a short text has, the library encodes in the calling thread, as one list. Its threads
# must be woken, and wait for a CPU where those of a backend that has just answered still spin.
FEW = 200
# More are shared by its threads, in lists of so many.
_LIST = 32
# Parts of a tokenizer that write or count spaces; the library writes their names as they stand here.
_SPACING = ("ByteLevel", "RobertaProcessing")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Texts as tokens, one text after another, without special tokens.

    Attributes:
        ids: token ids. [tokens]
        text_start: number of each text's first token, and the number of all tokens; text i has the tokens
            ids[text_start[i]:text_start[i + 1]]. [texts + 1]
        word_start: number of each text's first word, and the number of all words. [texts + 1]
        first_token: number of each word's first token; -1 for a word that the tokenizer turns into nothing. [words]
        sentence_start: number of each sentence's first token, and the number of all tokens. [sentences + 1]
        sentence_word: number of each sentence's first word, and the number of all words. [sentences + 1]
    """

    ids: NDArray[np.int64]
    text_start: NDArray[np.int64]
    word_start: NDArray[np.int64]
    first_token: NDArray[np.int64]
    sentence_start: NDArray[np.int64]
    sentence_word: NDArray[np.int64]

    @property
    def longest(self) -> NDArray[np.int64]:
        """Number of tokens of each text's longest sentence. [texts]"""
        return longest_of(self.sentence_start, self.text_start)

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """The texts of all parts, of which there is at least one, as if they had been encoded together."""
        tokens = starts_from_counts([len(part.ids) for part in parts])
        words = starts_from_counts([len(part.first_token) for part in parts])
        first = [np.where(part.first_token < 0, -1, part.first_token + start) for part, start in zip(parts, tokens)]
        return cls(
            np.concatenate([part.ids for part in parts]),
            joined_starts([part.text_start for part in parts], tokens),
            joined_starts([part.word_start for part in parts], words),
            np.concatenate(first),
            joined_starts([part.sentence_start for part in parts], tokens),
            joined_starts([part.sentence_word for part in parts], words),
        )


class Encoder:
    """A checkpoint's tokenizer, opened from its tokenizer.json.

    Args:
        path: the tokenizer.json.

    Attributes:
        path: the same; the file may be gone by now.
        raw: content of the file.
        special_tokens: the special tokens before and after a window, such as [CLS] and [SEP].
        largest_id: the largest token id of the tokenizer.

    Raises:
        BundleError: the file is not a tokenizer, or its special tokens do not stand before and after a text.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.raw = path, tokenizer_text(path)
        self._tokenizer = open_tokenizer(path, spaced=True, raw=self.raw)
        self._pieces = Pieces(self.tokens_of_words)
        self.special_tokens = _special_tokens_of(self._tokenizer, path)
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self._known = word_pieces_of(self._tokenizer, vocabulary)
        # The file names ids of special tokens once more, beside the vocabulary, and nothing makes the two agree.
        self.largest_id = max(*vocabulary.values(), *self.special_tokens.prefix, *self.special_tokens.suffix, -1, -1)

    def check_ids(self, vocabulary: int) -> None:
        """Refuse a model whose embedding table has no row for one of the tokenizer's ids.

        Raises:
            BundleError: it has not.
        """
        # A backend would read behind the table's end, and some do so without an error.
        if self.largest_id >= vocabulary:
            problem = f"its ids reach {self.largest_id}, the model's embedding table ends at {vocabulary - 1}"
            raise BundleError("tokenizer", problem, "use the tokenizer that the checkpoint was trained with")

    def encode_words(self, texts: Sequence[Sequence[str]], documents: Sequence[int] = ()) -> Encoded:
        """The tokens of texts that are given as words. Each text is one sentence.

        Args:
            texts: the words of each.
            documents: number of texts of each document, whose parts they then are; without any, each is by itself.
        """
        words = chain.from_iterable(texts)
        blocks = iter(lambda: list(itertools.islice(words, RUN)), [])
        words_of = starts_from_counts([len(text) for text in texts])
        encoded = self._encoded(words_of, words_of, [self._tokens(block) for block in blocks])
        if not documents:
            return encoded
        return replace(encoded, text_start=encoded.sentence_start[starts_from_counts(documents)])

    def encode_texts(self, texts: Sequence[str], *, sentences: bool = False) -> tuple[Encoded, NDArray[np.int32]]:
        """The tokens of free texts, and the places of their words.

        Args:
            texts: the texts.
            sentences: whether to cut them into sentences; otherwise each text is one sentence.

        Returns:
            The tokens; and for each word, the number of its first code point in its text, and of its last plus one.
            [words, 2]
        """
        found = self._pieces.words(texts)
        words_of = starts_from_counts(found.words)
        sentence_word = _sentence_words(texts, words_of, found) if sentences else words_of
        return self._encoded(words_of, sentence_word, [(found.ids, found.tokens)]), found.bounds

    def _encoded(
        self,
        word_start: NDArray[np.int64],
        sentence_word: NDArray[np.int64],
        blocks: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> Encoded:
        """An Encoded of blocks: (token ids, number of tokens of each word). See Encoded for the other arguments."""
        nothing = np.empty(0, np.int64)
        count = np.concatenate([nothing, *(count for _, count in blocks)])
        ids = np.concatenate([nothing, *(ids for ids, _ in blocks)])
        token_start = starts_from_counts(count)
        first_token = np.where(count > 0, token_start[:-1], -1)
        starts = token_start[word_start], word_start, first_token, token_start[sentence_word], sentence_word
        return Encoded(ids, *starts)

    def tokens_of_words(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Token ids of each of these words; none for a word that the tokenizer turns into nothing."""
        # A word that is given alone always has the same tokens, so they are kept: texts repeat their words, and a
        # look-up takes a twentieth of the tokenizer's time.
        known = self._known
        try:
            return [known[word] for word in words]
        except KeyError:
            pass
        others = [word for word in set(words) if word not in known and not known.reads(word)]
        if len(known) + len(others) > MOST_KNOWN:
            # A new dictionary, because another thread may be reading the old one.
            known = self._known = known.forgotten()
            others = [word for word in set(words) if not known.reads(word)]
        fresh = dict(zip(others, _encode_words(self._tokenizer, others, self.path)))
        known.update((word, ids) for word, ids in fresh.items() if len(word) <= LONGEST_KNOWN)
        return [fresh[word] if word in fresh else known[word] for word in words]

    def _tokens(self, words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids of these words, one word after another, and the number of tokens of each. [tokens], [words]"""
        tokens = self.tokens_of_words(words)
        count = np.fromiter(map(len, tokens), np.int64, len(tokens))
        return np.fromiter(chain.from_iterable(tokens), np.int64, int(count.sum())), count


def _sentence_words(texts: Sequence[str], word_start: NDArray[np.int64], found: TextWords) -> NDArray[np.int64]:
    """Number of each sentence's first word, and the number of all words. No sentence has words of two texts."""
    first, end = word_start[:-1], word_start[1:]
    starts = [first[first < end], word_start[-1:]]
    may = found.may.tolist()
    for number in np.flatnonzero(found.may).tolist():
        inner = sentence_starts(texts[number], found.bounds[first[number] : end[number]], may[number])[1:]
        if len(inner):
            starts.append(inner + first[number])
    return distinct(np.concatenate(starts)) if len(starts) > 2 else np.concatenate(starts)


def clean(text: str) -> str:
    """The text as the tokenizer can take it: half of a surrogate pair becomes U+FFFD, so that offsets stay the same."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def tokenizer_text(path: Path) -> str:
    """The content of a tokenizer.json.

    Raises:
        BundleError: the file cannot be read, or is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _no_tokenizer(path, error) from error


def open_tokenizer(path: Path, *, spaced: bool, raw: str = "") -> Tokenizer:
    """The tokenizer of a tokenizer.json, without truncation and padding.

    Args:
        path: the file.
        spaced: put a space before a text if the tokenizer writes spaces into its tokens; see _spaced.
        raw: content of the file, if it was read before; empty: it is read.

    Raises:
        BundleError: the file is not a tokenizer.
    """
    raw = raw or tokenizer_text(path)
    with refusing(path):
        tokenizer = Tokenizer.from_str(_spaced(raw) if spaced else raw)
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return tokenizer


def encode_batch(tokenizer: Tokenizer, texts: Sequence[Any], path: Path, *, is_pretokenized: bool = False) -> list[Any]:
    """The library's encodings of texts, without special tokens.

    Args:
        tokenizer: encodes them.
        texts: strings, or lists of words.
        path: the file of the tokenizer, for messages.
        is_pretokenized: whether they are lists of words.

    Raises:
        BundleError: the tokenizer cannot encode them: it lacks a token that it needs.
    """
    if not texts:
        return []
    with refusing(path):
        return list(tokenizer.encode_batch(texts, is_pretokenized=is_pretokenized, add_special_tokens=False))


def _encode_words(tokenizer: Tokenizer, words: Sequence[str], path: Path) -> Iterator[tuple[int, ...]]:
    """Token ids of each word by itself; see encode_batch for errors."""
    cleaned = [clean(word) for word in words]
    if len(cleaned) > FEW:
        parts = [cleaned[first : first + _LIST] for first in range(0, len(cleaned), _LIST)]
        encoded = encode_batch(tokenizer, parts, path, is_pretokenized=True)
    else:
        parts = [cleaned]
        with refusing(path):
            encoded = [tokenizer.encode(cleaned, is_pretokenized=True, add_special_tokens=False)]
    for part, tokens in zip(parts, encoded):
        # The library encodes each word of a list by itself, and counts the words.
        ids: list[list[int]] = [[] for _ in part]
        for word, token in zip(tokens.word_ids, tokens.ids):
            ids[word].append(token)
        yield from map(tuple, ids)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what the library raises for a broken file into a BundleError. It shows only when such a file is used."""
    try:
        yield
    except BaseException as error:  # the library raises a bare Exception, or panics in Rust
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _no_tokenizer(path, error) from error


def _no_tokenizer(path: Path, error: BaseException) -> BundleError:
    return BundleError(str(path), f"not a tokenizer ({error})", "take the checkpoint's tokenizer.json")


def _spaced(raw: str) -> str:
    """The tokenizer's JSON, changed so that a byte-level tokenizer puts a space before every word.

    Byte-level BPE writes the space before a word into its first token. Words that are given one by one have no space,
    and without `add_prefix_space` "Paris" would be read as the end of another word (transformers asks for the same).
    """
    if not any(name in raw for name in _SPACING):  # 5 ms of a start
        return raw
    tokenizer: dict[str, Any] = json.loads(raw)
    before, after = tokenizer.get("pre_tokenizer") or {}, tokenizer.get("post_processor") or {}
    parts = [before, *before.get("pretokenizers", []), after, *after.get("processors", [])]
    # RobertaProcessing counts the offsets, and must know that the space is not part of the text.
    spacing = [part for part in parts if part.get("type") in _SPACING]
    changed = [part for part in spacing if not part.get("add_prefix_space")]
    for part in changed:
        part["add_prefix_space"] = True
    return json.dumps(tokenizer) if changed else raw


def _special_tokens_of(tokenizer: Tokenizer, path: Path) -> SpecialTokens:
    """The special tokens before and after a text; BundleError where they stand elsewhere."""
    # The library has no function for them: a text's tokens are looked for in the same text with special tokens.
    with refusing(path):
        bare = tokenizer.encode("a", add_special_tokens=False)
        whole = tokenizer.encode("a")
    count = len(bare.ids)
    before = next((i for i in range(len(whole.ids) - count + 1) if whole.ids[i : i + count] == bare.ids), -1)
    if before < 0 or any(whole.type_ids):
        raise BundleError(str(path), "its special tokens do not frame a text of one segment", "use another tokenizer")
    return SpecialTokens(tuple(whole.ids[:before]), tuple(whole.ids[before + count :]))
