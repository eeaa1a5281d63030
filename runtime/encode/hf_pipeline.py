"""Whole texts -> tokens with their places, as transformers' token-classification pipeline makes them.

The tokenizer gets a text as a whole and not word by word, which is not what models are trained on. See
runtime.decode.hf_pipeline for a reason to want it. The module does not know models or labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import joined_starts, starts_from_counts
from runtime.encode.tokenizer import clean, encode_batch, open_tokenizer, tokenizer_text
from runtime.errors import BundleError

_SPACE = ord(" ")
# Far beyond any vocabulary; an array of so many can be made.
_MOST_IDS = 1 << 24
# Names that transformers' families of tokenizers give the unknown token.
_UNKNOWN_NAMES = ("<unk>", "[UNK]", "<|endoftext|>")


@dataclass(frozen=True, slots=True)
class RawTokens:
    """Texts as tokens, one text after another, without special tokens.

    Attributes:
        ids: token ids. [tokens]
        text_start: number of each text's first token, and the number of all tokens. [texts + 1]
        bounds: number of each token's first code point in its text, and of its last plus one. [tokens, 2]
        subword: whether the pipeline takes the token as a continuation of a word. [tokens]
    """

    ids: NDArray[np.int64]
    text_start: NDArray[np.int64]
    bounds: NDArray[np.int32]
    subword: NDArray[np.bool_]

    @property
    def longest(self) -> NDArray[np.int64]:
        """Number of tokens of each text; a text is read whole. [texts]"""
        return np.diff(self.text_start)

    @classmethod
    def joined(cls, parts: Sequence[RawTokens]) -> RawTokens:
        """The texts of all parts, of which there is at least one, as if they had been encoded together."""
        tokens = starts_from_counts([len(part.ids) for part in parts])
        return cls(
            np.concatenate([part.ids for part in parts]),
            joined_starts([part.text_start for part in parts], tokens),
            np.concatenate([part.bounds for part in parts]),
            np.concatenate([part.subword for part in parts]),
        )


class RawEncoder:
    """A checkpoint's tokenizer, unchanged, for whole texts.

    Args:
        path: the tokenizer.json.
        spaced: put a space before a text if the tokenizer writes spaces into its tokens, as `encode_words` needs it.
        raw: content of the file, if it was read before; empty: it is read.

    Attributes:
        tokenizer: the tokenizer as an object of the library tokenizers.
        unknown: id of the unknown token; -1 where there is none.

    Raises:
        BundleError: the file is not a tokenizer.
    """

    def __init__(self, path: Path, *, spaced: bool = False, raw: str = "") -> None:
        raw = raw or tokenizer_text(path)
        self._path = path
        self.tokenizer = open_tokenizer(path, spaced=spaced, raw=raw)
        saved: dict[str, Any] = json.loads(raw)
        vocabulary = self.tokenizer.get_vocab(with_added_tokens=True)
        if max(vocabulary.values(), default=0) >= _MOST_IDS:
            problem = f"its ids reach {max(vocabulary.values()):,}, at most {_MOST_IDS:,} are read"
            raise BundleError(str(path), problem, "take the checkpoint's tokenizer.json")
        # If tokens inside a word have a prefix, such as "##", the pipeline recognizes them by their length.
        self._prefixed = bool(saved["model"].get("continuing_subword_prefix"))
        self.unknown = _unknown(saved, vocabulary)
        self._length = np.zeros(max(vocabulary.values()) + 1, np.int64)
        self._length[list(vocabulary.values())] = [len(token) for token in vocabulary]

    def encode(self, texts: Sequence[str]) -> RawTokens:
        """The tokens of whole texts."""
        cleaned = [clean(text) for text in texts]
        encoded = encode_batch(self.tokenizer, cleaned, self._path)
        ids, text_start, bounds = _flat(encoded)
        return RawTokens(ids, text_start, bounds, self._subword(cleaned, ids, text_start, bounds))

    def encode_words(self, texts: Sequence[Sequence[str]], delimiter: str) -> RawTokens:
        """The tokens of texts that are already cut into words.

        Args:
            texts: the words of each text.
            delimiter: bounds are places in the words joined by it.
        """
        cleaned = [[clean(word) for word in words] for words in texts]
        encoded = encode_batch(self.tokenizer, cleaned, self._path, is_pretokenized=True)
        ids, text_start, bounds = _flat(encoded)
        # The library counts code points from the start of each word.
        word_start = [_word_starts(words, len(delimiter)) for words in cleaned]
        shift = chain.from_iterable(
            (starts[word] for word in tokens.word_ids) for tokens, starts in zip(encoded, word_start)
        )
        bounds += np.fromiter(shift, np.int32, len(ids))[:, None]
        joined = [delimiter.join(words) for words in cleaned]
        return RawTokens(ids, text_start, bounds, self._subword(joined, ids, text_start, bounds))

    def _subword(
        self, texts: Sequence[str], ids: NDArray[np.int64], text_start: NDArray[np.int64], bounds: NDArray[np.int32]
    ) -> NDArray[np.bool_]:
        """RawTokens.subword by the rules of TokenClassificationPipeline.gather_pre_entities in transformers 4.57."""
        start = bounds[:, 0].astype(np.int64)
        if self._prefixed:
            subword = self._length[ids] != bounds[:, 1] - start
        else:
            # A subword has no space before it and does not begin with one. Other white space does not count.
            characters = np.frombuffer("\0".join([*texts, ""]).encode("utf-32-le"), np.uint32)
            text_place = starts_from_counts([len(text) + 1 for text in texts])[:-1]
            place = np.repeat(text_place, np.diff(text_start)) + start
            blank = np.append(characters == _SPACE, [False])
            subword = (start > 0) & ~blank[place - 1] & ~blank[place]
        unknown_apart: NDArray[np.bool_] = subword & (ids != self.unknown)
        return unknown_apart


def _flat(encoded: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """The ids, text_start and bounds of RawTokens."""
    text_start = starts_from_counts([len(tokens) for tokens in encoded])
    count = int(text_start[-1])
    ids = np.fromiter(chain.from_iterable(tokens.ids for tokens in encoded), np.int64, count)
    pairs = chain.from_iterable(chain.from_iterable(tokens.offsets for tokens in encoded))
    return ids, text_start, np.fromiter(pairs, np.int32, 2 * count).reshape(-1, 2)


def _word_starts(words: Sequence[str], between: int) -> list[int]:
    """Place of each word, when a delimiter of `between` code points joins them."""
    return list(accumulate((len(word) + between for word in words), initial=0))


def _unknown(saved: dict[str, Any], vocabulary: dict[str, int]) -> int:
    """Id of the unknown token; -1 where there is none."""
    # Unigram models name its id, others its text. Byte-level models have no unknown input and name none; there,
    # transformers takes the name that is usual in the tokenizer's family.
    model = saved["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    names = [model["unk_token"]] if model.get("unk_token") else _UNKNOWN_NAMES
    return next((vocabulary[name] for name in names if name in vocabulary), -1)
