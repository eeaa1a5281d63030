"""Text or words -> tokens, for many texts at once and flat: no object a word outlives a block of words.

Words are given to the tokenizer one by one, as they were when the model was trained on a corpus of words; that is
what `is_split_into_words` does in transformers, and what export certifies against. It knows nothing of models,
labels, or how tokens become rows.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from runtime.batch.batches import SpecialTokens
from runtime.batch.ragged import joined_starts, longest_of, starts_from_counts
from runtime.errors import BundleError
from runtime.text.sentences import may_part, sentence_starts
from runtime.text.words import RUN, runs_of_words

# Words whose tokens are kept: some 60 MB when full, which a text in one language does not reach.
MOST_KNOWN = 250_000
# Longer words, in code points, are not worth keeping: they do not come again, and one can be megabytes long.
LONGEST_KNOWN = 64
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Texts as tokens, one text after another, special tokens left out.

    Attributes:
        ids: token ids. [tokens]
        text_start: where each text's tokens start; text i has ids[text_start[i]:text_start[i + 1]]. [texts + 1]
        word_start: where each text's words start among the words of all texts. [texts + 1]
        first_token: the first token of each word, or -1 for a word that the tokenizer turns into nothing. [words]
        sentence_start: where the tokens of each sentence start, and, last, where all end. [sentences + 1]
        sentence_word: the same of its words. [sentences + 1]
    """

    ids: NDArray[np.int64]
    text_start: NDArray[np.int64]
    word_start: NDArray[np.int64]
    first_token: NDArray[np.int64]
    sentence_start: NDArray[np.int64]
    sentence_word: NDArray[np.int64]

    @property
    def longest(self) -> NDArray[np.int64]:
        """Tokens of the longest sentence of each text. [texts]"""
        return longest_of(self.sentence_start, self.text_start)

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """The texts of several, at least one, as if they had been encoded together."""
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
        path: the file it came from.
        special_tokens: the special tokens that open and close a window, such as [CLS] and [SEP].
        largest_id: the largest id that the tokenizer can give out.
        path: where it was read from; the file may be gone by now.
        raw: what was in it.

    Raises:
        BundleError: the file is not a tokenizer, or puts special tokens into the middle of a text.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.raw = path, tokenizer_text(path)
        self._tokenizer = open_tokenizer(path, spaced=True, raw=self.raw)
        self._known: dict[str, tuple[int, ...]] = {}
        self.special_tokens = _special_tokens_of(self._tokenizer, path)
        self.largest_id = max(self._tokenizer.get_vocab(with_added_tokens=True).values())

    def encode_words(self, texts: Sequence[Sequence[str]]) -> Encoded:
        """Tokens of texts that are given as words; each is one sentence."""
        words = chain.from_iterable(texts)
        blocks = iter(lambda: list(itertools.islice(words, RUN)), [])
        words_of = starts_from_counts([len(text) for text in texts])
        return self._encoded(words_of, words_of, [self._tokens(block) for block in blocks])

    def encode_texts(self, texts: Sequence[str], *, sentences: bool = False) -> tuple[Encoded, NDArray[np.int32]]:
        """Tokens of texts, and where their words lie.

        Args:
            texts: any.
            sentences: cut them into sentences; otherwise each text is one.

        Returns:
            The tokens, and the first and one past the last code point of each word, in its text. [words, 2]
        """
        counts = [0] * len(texts)
        bounds, tokens = [np.empty((0, 2), np.int32)], []
        for words, spans in _blocks(texts, counts):
            flat = np.fromiter(chain.from_iterable(spans), np.int32, 2 * len(spans))
            bounds.append(flat.reshape(-1, 2))
            tokens.append(self._tokens(words))
        words_of, where = starts_from_counts(counts), np.concatenate(bounds)
        sentence_word = _sentence_words(texts, words_of, where) if sentences else words_of
        return self._encoded(words_of, sentence_word, tokens), where

    def _encoded(
        self,
        word_start: NDArray[np.int64],
        sentence_word: NDArray[np.int64],
        blocks: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> Encoded:
        """Join blocks of (ids, tokens of each word); see Encoded for the rest."""
        nothing = np.empty(0, np.int64)
        count = np.concatenate([nothing, *(count for _, count in blocks)])
        ids = np.concatenate([nothing, *(ids for ids, _ in blocks)])
        token_start = starts_from_counts(count)
        first_token = np.where(count > 0, token_start[:-1], -1)
        starts = token_start[word_start], word_start, first_token, token_start[sentence_word], sentence_word
        return Encoded(ids, *starts)

    def _tokens(self, words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids of the tokens of these words, flat, and how many each word has. [tokens], [words]

        Tokenizers cut words that are given one by one without a look at their neighbours, so that a word's tokens
        can be kept: text repeats its words, and a look-up takes a twentieth of the time.
        """
        known = self._known
        unknown = list({word for word in words if word not in known})
        if len(known) + len(unknown) > MOST_KNOWN:
            # Begun anew and not emptied: another thread may be reading the old one.
            known, unknown = {}, list(set(words))
        alone = [[clean(word)] for word in unknown]
        encoded = self._tokenizer.encode_batch(alone, is_pretokenized=True, add_special_tokens=False) if alone else []
        fresh = {word: tuple(token.ids) for word, token in zip(unknown, encoded)}
        short = {word: ids for word, ids in fresh.items() if len(word) <= LONGEST_KNOWN}
        known.update(short)
        self._known = known
        if len(short) == len(fresh):
            tokens = [known[word] for word in words]
        else:
            tokens = [known[word] if word in known else fresh[word] for word in words]
        count = np.fromiter(map(len, tokens), np.int64, len(tokens))
        return np.fromiter(chain.from_iterable(tokens), np.int64, int(count.sum())), count


def _blocks(texts: Sequence[str], counts: list[int]) -> Iterator[tuple[list[str], list[tuple[int, int]]]]:
    """Words of texts and where they lie, in blocks of RUN to 2 RUN words; `counts` adds up the words of each text."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        for run in runs_of_words(text):
            counts[number] += len(run)
            spans += run
            words += [text[start:end] for start, end in run]
            if len(words) >= RUN:
                yield words, spans
                words, spans = [], []
    yield words, spans


def _sentence_words(
    texts: Sequence[str], word_start: NDArray[np.int64], bounds: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Where the words of each sentence start, and, last, where all end; no sentence holds words of two texts."""
    starts: list[int] = []
    for text, (first, end) in zip(texts, itertools.pairwise(word_start.tolist())):
        if first < end:
            starts += (first + sentence_starts(text, bounds[first:end])).tolist() if may_part(text) else [first]
    return np.array([*starts, word_start[-1]], np.int64)


def clean(text: str) -> str:
    """What the tokenizer can take: half of a surrogate pair becomes U+FFFD, one code point for one."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def tokenizer_text(path: Path) -> str:
    """What is in a tokenizer.json.

    Raises:
        BundleError: it is not text, or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _no_tokenizer(path, error) from error


def open_tokenizer(path: Path, *, spaced: bool, raw: str = "") -> Tokenizer:
    """The tokenizer of a tokenizer.json, which neither cuts nor pads.

    Args:
        path: the file.
        spaced: put a space before a text where the tokenizer writes spaces into its tokens, see _spaced.
        raw: what is in the file, where it was read before.

    Raises:
        BundleError: the file is not a tokenizer.
    """
    raw = raw or tokenizer_text(path)
    try:
        tokenizer = Tokenizer.from_str(_spaced(raw) if spaced else raw)
    except BaseException as error:  # the library raises a bare Exception for a broken file, or panics in Rust
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _no_tokenizer(path, error) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _no_tokenizer(path: Path, error: BaseException) -> BundleError:
    return BundleError(str(path), f"not a tokenizer ({error})", "take the checkpoint's tokenizer.json")


def _spaced(raw: str) -> str:
    """The tokenizer's JSON, its byte-level part told that a space goes before every word.

    Byte-level BPE writes the space into the token. Words that come one by one have lost theirs, and without
    `add_prefix_space` "Paris" would be read as the tail of the word before it (transformers asks for the same).
    """
    tokenizer: dict[str, Any] = json.loads(raw)
    cutter, framer = tokenizer.get("pre_tokenizer") or {}, tokenizer.get("post_processor") or {}
    parts = [cutter, *cutter.get("pretokenizers", []), framer, *framer.get("processors", [])]
    # The second of them counts the offsets, and must know that the space was put there.
    spacing = [part for part in parts if part.get("type") in ("ByteLevel", "RobertaProcessing")]
    changed = [part for part in spacing if not part.get("add_prefix_space")]
    for part in changed:
        part["add_prefix_space"] = True
    return json.dumps(tokenizer) if changed else raw


def _special_tokens_of(tokenizer: Tokenizer, path: Path) -> SpecialTokens:
    """Ids that the tokenizer puts before and after a text."""
    bare = tokenizer.encode("a", add_special_tokens=False)
    whole = tokenizer.encode("a")
    count = len(bare.ids)
    before = next((i for i in range(len(whole.ids) - count + 1) if whole.ids[i : i + count] == bare.ids), -1)
    if before < 0 or any(whole.type_ids):
        raise BundleError(str(path), "its special tokens do not frame a text of one segment", "use another tokenizer")
    return SpecialTokens(tuple(whole.ids[:before]), tuple(whole.ids[before + count :]))
