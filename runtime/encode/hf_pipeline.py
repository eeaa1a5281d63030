"""Raw text -> tokens with offsets, as transformers' token-classification pipeline sees them.

The tokenizer gets the whole text and not its words, which is not what models are trained on; see runtime.decode.hf_pipeline for
why one may want it all the same. It knows nothing of models or labels.
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
from runtime.encode.tokenizer import clean, open_tokenizer, tokenizer_text

_SPACE = ord(" ")
_UNKNOWN_NAMES = ("<unk>", "[UNK]", "<|endoftext|>")


@dataclass(frozen=True, slots=True)
class RawTokens:
    """Texts as tokens, one text after another, special tokens left out.

    Attributes:
        ids: token ids. [tokens]
        text_start: where each text's tokens start, and, last, where all end. [texts + 1]
        bounds: first and one past the last code point that each token stands for, in its text. [tokens, 2]
        subword: whether the pipeline takes a token to go on with the word before it. [tokens]
    """

    ids: NDArray[np.int64]
    text_start: NDArray[np.int64]
    bounds: NDArray[np.int32]
    subword: NDArray[np.bool_]

    @property
    def longest(self) -> NDArray[np.int64]:
        """Tokens of each text, which is read whole. [texts]"""
        return np.diff(self.text_start)

    @classmethod
    def joined(cls, parts: Sequence[RawTokens]) -> RawTokens:
        """The texts of several, at least one, as if they had been encoded together."""
        tokens = starts_from_counts([len(part.ids) for part in parts])
        return cls(
            np.concatenate([part.ids for part in parts]),
            joined_starts([part.text_start for part in parts], tokens),
            np.concatenate([part.bounds for part in parts]),
            np.concatenate([part.subword for part in parts]),
        )


class RawEncoder:
    """A checkpoint's tokenizer as it is, for whole texts.

    Args:
        path: the tokenizer.json.
        spaced: put a space before a text where the tokenizer writes spaces into its tokens, as words alone need it.
        raw: what is in the file, where it was read before.

    Attributes:
        tokenizer: the library's.
        unknown: id of the token for what the tokenizer does not know; -1 without one.

    Raises:
        BundleError: the file is not a tokenizer.
    """

    def __init__(self, path: Path, *, spaced: bool = False, raw: str = "") -> None:
        raw = raw or tokenizer_text(path)
        self.tokenizer = open_tokenizer(path, spaced=spaced, raw=raw)
        saved: dict[str, Any] = json.loads(raw)
        vocabulary = self.tokenizer.get_vocab(with_added_tokens=True)
        # With a prefix for tokens inside a word, such as "##", the pipeline tells them by their length.
        self._prefixed = bool(saved["model"].get("continuing_subword_prefix"))
        self.unknown = _unknown(saved, vocabulary)
        self._length = np.zeros(max(vocabulary.values()) + 1, np.int64)
        self._length[list(vocabulary.values())] = [len(token) for token in vocabulary]

    def encode(self, texts: Sequence[str]) -> RawTokens:
        """Tokens of whole texts."""
        cleaned = [clean(text) for text in texts]
        encoded = self.tokenizer.encode_batch(cleaned, add_special_tokens=False) if cleaned else []
        ids, text_start, bounds = _flat(encoded)
        return RawTokens(ids, text_start, bounds, self._subword(cleaned, ids, text_start, bounds))

    def encode_words(self, texts: Sequence[Sequence[str]], delimiter: str) -> RawTokens:
        """Tokens of texts that are cut into words already; bounds are those in the words joined by the delimiter."""
        cleaned = [[clean(word) for word in words] for words in texts]
        encoded = (
            self.tokenizer.encode_batch(cleaned, is_pretokenized=True, add_special_tokens=False) if cleaned else []
        )
        ids, text_start, bounds = _flat(encoded)
        # The library counts from the word's start.
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
        """The rules of transformers 4.57, TokenClassificationPipeline.gather_pre_entities. [tokens]"""
        start = bounds[:, 0].astype(np.int64)
        if self._prefixed:
            subword = self._length[ids] != bounds[:, 1] - start
        else:
            # No blank before the token and none as its first character; other white space does not count.
            characters = np.frombuffer("\0".join([*texts, ""]).encode("utf-32-le"), np.uint32)
            text_place = starts_from_counts([len(text) + 1 for text in texts])[:-1]
            place = np.repeat(text_place, np.diff(text_start)) + start
            blank = np.append(characters == _SPACE, [False])
            subword = (start > 0) & ~blank[place - 1] & ~blank[place]
        unknown_apart: NDArray[np.bool_] = subword & (ids != self.unknown)
        return unknown_apart


def _flat(encoded: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Ids, text_start and bounds of RawTokens."""
    text_start = starts_from_counts([len(tokens) for tokens in encoded])
    count = int(text_start[-1])
    ids = np.fromiter(chain.from_iterable(tokens.ids for tokens in encoded), np.int64, count)
    pairs = chain.from_iterable(chain.from_iterable(tokens.offsets for tokens in encoded))
    return ids, text_start, np.fromiter(pairs, np.int32, 2 * count).reshape(-1, 2)


def _word_starts(words: Sequence[str], between: int) -> list[int]:
    """Where each word starts once they are joined by a delimiter of so many characters."""
    return list(accumulate((len(word) + between for word in words), initial=0))


def _unknown(saved: dict[str, Any], vocabulary: dict[str, int]) -> int:
    """Id of the token for what the tokenizer does not know; -1 without one.

    Unigram models name its id, others its text. Byte-level models know everything and name none; there, transformers
    takes the name of the family, which is one of three.
    """
    model = saved["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    names = [model["unk_token"]] if model.get("unk_token") else _UNKNOWN_NAMES
    return next((vocabulary[name] for name in names if name in vocabulary), -1)
