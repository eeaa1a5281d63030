"""Words of free texts with their tokens, found piece by piece: a piece is what stands between two blanks.

Nearly every piece has the same words and the same tokens wherever it stands, and texts repeat their pieces. So a text
is cut at its blanks, which takes Python a single call for all texts; a piece that is known is a row of a table, and
what the table says of all of them is picked by NumPy. Texts with a piece that depends on more than the one after it,
and very long texts, are read by runtime.text.words as a whole. What is found is always what that module finds.

The module does not know the tokenizer: it is given a function from words to tokens.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts
from runtime.text.words import RUN, runs_of_words, split_words

TokensOfWords = Callable[[Sequence[str]], list[tuple[int, ...]]]

# Largest number of pieces that are kept: about 60 MB.
MOST_PIECES = 250_000
# Longest piece, in code points, that is kept, and longest text that is cut into pieces: a longer one nearly always has
# a piece that makes it be read as a whole after all.
LONGEST_PIECE, LONGEST_TEXT = 64, 10_000
# Code points of texts for which NumPy's calls take longer than they save: about four sentences.
_FEW = 300
# Code points of texts that are cut at once, so that the strings of their pieces take some megabytes.
_AT_ONCE = 250_000
# White space as str.split and regular expressions know it.
_BLANKS = (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F)
_LAST = 0x3000
_IS_BLANK = np.zeros(_LAST + 2, np.bool_)
_IS_BLANK[[*_BLANKS, _LAST]] = True
# The number of an item or an ordinal: its period depends on what stands before it, and far after it.
_NUMBER = re.compile(r"\d{1,3}\.")
# An initial, if the next piece begins in upper case; if not, the period is a word by itself.
_INITIAL = re.compile(r"[A-Z]\.\Z")
_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# A piece with this after it stands before a piece that begins in upper case.
_BEFORE_CAPITAL = " A"
# Row of the pieces that are not in the table: their texts are read as a whole. Row of pieces that were not looked at.
_WHOLE, _UNKNOWN = 0, -1


@dataclass(frozen=True, slots=True)
class TextWords:
    """The words of texts, and the words' tokens, one text after another.

    Attributes:
        words: number of words of each text. [texts]
        bounds: number of each word's first code point in its text, and of its last plus one. [words, 2]
        tokens: number of tokens of each word. [words]
        ids: the token ids. [tokens]
    """

    words: NDArray[np.int64]
    bounds: NDArray[np.int32]
    tokens: NDArray[np.int64]
    ids: NDArray[np.int64]


class _Table:
    """Known pieces and what they consist of. It only grows: what a row says never changes.

    Attributes:
        rows: piece -> its row. A piece is here only once its row can be read.
        columns: see the properties of TextWords, for each row: its first word, words, first token and tokens; whether
            it is an initial. [rows, 5]
        bounds, tokens: of the words of all rows; see TextWords.
        ids: of the tokens of all rows.
    """

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.columns = _Growing(np.empty((0, 5), np.int32))
        self.bounds, self.tokens = _Growing(np.empty((0, 2), np.int32)), _Growing(np.empty(0, np.int32))
        self.ids = _Growing(np.empty(0, np.int32))
        self.columns.append([[0, 0, 0, 0, 0]])  # of _WHOLE

    def add(
        self, pieces: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]], tokens: Sequence[tuple[int, ...]]
    ) -> None:
        """Add pieces with their words; only one thread at a time may call it.

        Args:
            pieces: those that are not there yet, and perhaps others.
            spans: of each piece, the places of its words.
            tokens: token ids of each word, piece after piece.
        """
        row, word, token = self.columns.size, self.tokens.size, self.ids.size
        counts = [len(each) for each in tokens]
        columns, first = [], 0
        for piece, each in zip(pieces, spans):
            last = first + len(each)
            size = sum(counts[first:last])
            columns.append((word + first, len(each), token, size, _INITIAL.search(piece) is not None))
            first, token = last, token + size
        self.bounds.append([*chain.from_iterable(spans)])
        self.tokens.append(counts)
        self.ids.append([*chain.from_iterable(tokens)])
        self.columns.append(columns)
        # At last, because other threads read without a lock; and what another thread has added stays as it is.
        for number, piece in enumerate(pieces, start=row):
            self.rows.setdefault(piece, number)

    def words(self, row: NDArray[np.int64], start: NDArray[np.int64], first: NDArray[np.int64]) -> TextWords:
        """The words of texts.

        Args:
            row: of each piece. [pieces]
            start: number of each piece's first code point in its text. [pieces]
            first: number of each text's first piece, and the number of all. [texts + 1]
        """
        columns = self.columns.array[row].astype(np.int64)
        word, words, token, tokens = columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3]
        chosen = ranges(word, words)
        bounds = self.bounds.array[chosen] + np.repeat(start.astype(np.int32), words)[:, None]
        counted = self.tokens.array[chosen].astype(np.int64)
        ids = self.ids.array[ranges(token, tokens)].astype(np.int64)
        return TextWords(np.diff(starts_from_counts(words)[first]), bounds, counted, ids)


class _Growing:
    """An array that grows at its end. Who reads while another thread appends sees all that was there before.

    Args:
        array: one without elements, of the right shape and type.

    Attributes:
        array: the elements, and room for more.
        size: number of elements.
    """

    def __init__(self, array: NDArray[np.int32]) -> None:
        self.array, self.size = array, 0

    def append(self, more: Sequence[int] | Sequence[Sequence[int]]) -> None:
        end = self.size + len(more)
        if end > len(self.array):
            room = np.zeros((max(1024, 2 * end), *self.array.shape[1:]), np.int32)
            room[: self.size] = self.array[: self.size]
            self.array = room
        if more:
            self.array[self.size : end] = more
        self.size = end


class Pieces:
    """Finds the words of texts, and keeps what it learned. Several threads may use it at the same time.

    Args:
        tokens_of_words: token ids of each word, which do not depend on the others.
        most: largest number of pieces that are kept, apart from those of one call.
    """

    def __init__(self, tokens_of_words: TokensOfWords, *, most: int = MOST_PIECES) -> None:
        self._tokens_of_words, self._most = tokens_of_words, most
        self._table, self._lock = _Table(), threading.Lock()

    def __len__(self) -> int:
        """Number of pieces that are kept."""
        return len(self._table.rows)

    def words(self, texts: Sequence[str]) -> TextWords:
        """The words of the texts as runtime.text.words cuts them, and their tokens."""
        size = np.fromiter(map(len, texts), np.int64, len(texts))
        if size.sum() <= _FEW:
            return self._read(texts)
        group = np.cumsum(size) // _AT_ONCE
        borders = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(texts)]
        parts = [self._words(texts[first:last], size[first:last]) for first, last in itertools.pairwise(borders)]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _words(self, texts: Sequence[str], size: NDArray[np.int64]) -> TextWords:
        whole = size > LONGEST_TEXT
        short = ["" if is_long else text for text, is_long in zip(texts, whole.tolist())] if whole.any() else texts
        pieces, start, first = _pieces(short)
        table, row = self._rows(pieces, first)
        text = np.repeat(np.arange(len(texts)), np.diff(first))
        whole[text[row == _WHOLE]] = True
        if not whole.any():
            return table.words(row, start, first)
        kept = ~whole[text]
        counts = np.bincount(text[kept], minlength=len(texts))
        read = self._read([texts[number] for number in np.flatnonzero(whole).tolist()])
        words = np.zeros(len(texts), np.int64)
        words[whole] = read.words
        return _merged(table.words(row[kept], start[kept], starts_from_counts(counts)), replace(read, words=words))

    def _rows(self, pieces: list[str], first: NDArray[np.int64]) -> tuple[_Table, NDArray[np.int64]]:
        """A table, and the row of each piece in it. [pieces]"""
        table = self._table
        row = _looked_up(table, pieces)
        if (row == _UNKNOWN).any():
            table = self._learned(table, pieces, row)
            row = _looked_up(table, pieces)
            row[row == _UNKNOWN] = _WHOLE
        initial = np.flatnonzero(table.columns.array[row, 4])
        if not len(initial):
            return table, row
        # The last piece of a text has no next one.
        last = np.zeros(len(pieces) + 1, np.bool_)
        last[first] = True
        places = [at for at in initial.tolist() if not last[at + 1] and pieces[at + 1][0] in _CAPITALS]
        row[places] = [table.rows[pieces[at] + _BEFORE_CAPITAL] for at in places]
        return table, row

    def _learned(self, table: _Table, pieces: list[str], row: NDArray[np.int64]) -> _Table:
        """A table that has all pieces that tables take: this one, or a new one where it would have too many."""
        unknown = {pieces[at] for at in np.flatnonzero(row == _UNKNOWN).tolist()}
        if len(table.rows) + 2 * len(unknown) > self._most:
            table, unknown = _Table(), set(pieces)
        fresh = [piece for piece in unknown if len(piece) <= LONGEST_PIECE]
        known = [piece for piece in fresh if not _NUMBER.fullmatch(piece)]
        initials = [piece + _BEFORE_CAPITAL for piece in known if _INITIAL.search(piece)]
        # Before the others, so that an initial is there for either case before it is there at all.
        spans = [split_words(piece)[:-1] for piece in initials]
        # Most pieces are one word, as runtime.text.words sees first of all.
        spans += [[(0, len(each))] if each.isascii() and each.isalnum() else split_words(each) for each in known]
        known = initials + known
        words = [piece[start:end] for piece, each in zip(known, spans) for start, end in each]
        tokens = self._tokens_of_words(words)
        with self._lock:
            table.add(known, spans, tokens)
            table.rows.update(dict.fromkeys(set(fresh).difference(known), _WHOLE))
            self._table = table
        return table

    def _read(self, texts: Sequence[str]) -> TextWords:
        """The same without pieces: text by text, and a block of words at a time."""
        counts = [0] * len(texts)
        bounds, tokens, ids = [np.empty((0, 2), np.int32)], [], []
        for words, spans in _blocks(texts, counts):
            flat = np.fromiter(chain.from_iterable(spans), np.int32, 2 * len(spans))
            found = self._tokens_of_words(words)
            bounds.append(flat.reshape(-1, 2))
            tokens.append(np.fromiter(map(len, found), np.int64, len(found)))
            ids.append(np.fromiter(chain.from_iterable(found), np.int64, int(tokens[-1].sum())))
        return TextWords(np.array(counts), np.concatenate(bounds), np.concatenate(tokens), np.concatenate(ids))


def _pieces(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Pieces of texts; each one's first code point in its text; each text's first piece, and the number of all."""
    together = "\n".join(texts)
    if together.isascii():
        codes = np.frombuffer(together.encode(), np.uint8)
    else:
        codes = np.frombuffer(together.encode("utf-32-le", "surrogatepass"), np.uint32)
        codes = np.minimum(codes, np.uint32(_LAST + 1))
    blank = _IS_BLANK[codes]
    begins = ~blank
    begins[1:] &= blank[:-1]
    at = np.flatnonzero(begins)
    text = starts_from_counts([len(text) + 1 for text in texts])
    first = np.searchsorted(at, text)
    return together.split(), at - np.repeat(text[:-1], np.diff(first)), first


def _looked_up(table: _Table, pieces: list[str]) -> NDArray[np.int64]:
    """Row of each piece; _UNKNOWN where it has none. [pieces]"""
    return np.fromiter(map(table.rows.get, pieces, itertools.repeat(_UNKNOWN)), np.int64, len(pieces))


def _blocks(texts: Sequence[str], counts: list[int]) -> Iterator[tuple[list[str], list[tuple[int, int]]]]:
    """Words of texts and their places, in blocks of RUN to 2 RUN words. `counts` counts the words of each text."""
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


def _joined(parts: Sequence[TextWords]) -> TextWords:
    """The texts of the parts, one part after another."""
    return TextWords(
        np.concatenate([part.words for part in parts]),
        np.concatenate([part.bounds for part in parts]),
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.ids for part in parts]),
    )


def _merged(one: TextWords, other: TextWords) -> TextWords:
    """The same texts, each of which has words in one of the two alone."""
    both = _joined([one, other])
    text = np.repeat(np.tile(np.arange(len(one.words)), 2), both.words)
    order = np.argsort(text, kind="stable")
    ids = both.ids[ranges(starts_from_counts(both.tokens)[:-1][order], both.tokens[order])]
    return TextWords(one.words + other.words, both.bounds[order], both.tokens[order], ids)
