"""Words -> word pieces, for many texts at once and flat: no object a word.

Words are given to the tokenizer one by one, as they were when the model was trained on a corpus of words; that is
what `is_split_into_words` does in transformers, and what export certifies against. It knows nothing of models,
labels, or how word pieces become rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from runtime.errors import BundleError
from runtime.numbers import starts_from_counts
from runtime.pack import Frame

# Words whose pieces are kept: some 60 MB when full, which a text in one language does not reach.
MOST_KNOWN = 250_000
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Texts as word pieces, one text after another, special pieces left out.

    Attributes:
        ids: word-piece ids. [pieces]
        text_start: where each text's pieces start; text i has ids[text_start[i]:text_start[i + 1]]. [texts + 1]
        word_start: where each text's words start among the words of all texts. [texts + 1]
        word_piece: the first piece of each word, or -1 for a word that the tokenizer turns into nothing. [words]
    """

    ids: NDArray[np.int64]
    text_start: NDArray[np.int64]
    word_start: NDArray[np.int64]
    word_piece: NDArray[np.int64]


class Encoder:
    """A checkpoint's tokenizer, opened from its tokenizer.json.

    Args:
        path: the tokenizer.json.

    Attributes:
        frame: the special pieces that open and close a window, such as [CLS] and [SEP].
        largest_id: the largest id that the tokenizer can give out.

    Raises:
        BundleError: the file is not a tokenizer, or puts special pieces into the middle of a text.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._tokenizer = Tokenizer.from_str(_spaced(path.read_text(encoding="utf-8")))
        except Exception as error:  # the library raises a bare Exception for every kind of broken file
            raise BundleError(
                str(path), f"not a tokenizer ({error})", "take the checkpoint's tokenizer.json"
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._known: dict[str, tuple[int, ...]] = {}
        self.frame = _special_pieces(self._tokenizer, path)
        self.largest_id = max(self._tokenizer.get_vocab(with_added_tokens=True).values())

    def encode(self, texts: Sequence[Sequence[str]]) -> Encoded:
        """Word pieces of texts that are given as words."""
        words = list(chain.from_iterable(texts))
        known = self._known_with(words)
        pieces = [known[word] for word in words]
        word_start = starts_from_counts([len(text) for text in texts])
        piece_start = starts_from_counts([len(ids) for ids in pieces])
        ids = np.fromiter(chain.from_iterable(pieces), np.int64, int(piece_start[-1]))
        word_piece = np.where(np.diff(piece_start) > 0, piece_start[:-1], -1)
        return Encoded(ids, piece_start[word_start], word_start, word_piece)

    def _known_with(self, words: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Pieces of every word seen so far, these among them.

        Tokenizers cut words that are given one by one without a look at their neighbours, so that a word's pieces
        can be kept: text repeats its words, and a look-up takes a twentieth of the time.
        """
        known = self._known
        unknown = list({word for word in words if word not in known})
        if len(known) + len(unknown) > MOST_KNOWN:
            # Begun anew and not emptied: another thread may be reading the old one.
            known, unknown = {}, list(set(words))
        alone = [[_clean(word)] for word in unknown]
        encoded = self._tokenizer.encode_batch(alone, is_pretokenized=True, add_special_tokens=False)
        known.update((word, tuple(piece.ids)) for word, piece in zip(unknown, encoded))
        self._known = known
        return known


def _clean(word: str) -> str:
    """The word as the tokenizer can take it: half of a surrogate pair becomes U+FFFD, one code point for one."""
    return word if word.isascii() else _SURROGATE.sub("\ufffd", word)


def _spaced(raw: str) -> str:
    """The tokenizer's JSON, its byte-level part told that a space goes before every word.

    Byte-level BPE writes the space into the word piece. Words that come one by one have lost theirs, and without
    `add_prefix_space` "Paris" would be read as the tail of the word before it (transformers asks for the same).
    """
    tokenizer: dict[str, Any] = json.loads(raw)
    outer = tokenizer.get("pre_tokenizer") or {}
    parts = [outer, *outer.get("pretokenizers", [])]
    changed = [part for part in parts if part.get("type") == "ByteLevel" and not part.get("add_prefix_space")]
    for part in changed:
        part["add_prefix_space"] = True
    return json.dumps(tokenizer) if changed else raw


def _special_pieces(tokenizer: Tokenizer, path: Path) -> Frame:
    """Ids that the tokenizer puts before and after a text."""
    bare = tokenizer.encode("a", add_special_tokens=False)
    whole = tokenizer.encode("a")
    count = len(bare.ids)
    before = next((i for i in range(len(whole.ids) - count + 1) if whole.ids[i : i + count] == bare.ids), -1)
    if before < 0 or any(whole.type_ids):
        raise BundleError(str(path), "its special pieces do not frame a text of one segment", "use another tokenizer")
    return Frame(tuple(whole.ids[:before]), tuple(whole.ids[before + count :]))
