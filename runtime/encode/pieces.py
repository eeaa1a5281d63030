"""Words of free texts with their tokens, found piece by piece: a piece is what stands between two blanks.

A piece has words, and a word has tokens. It is no word piece, which is a token here, nor a Piece of the server.

Nearly every piece has the same words and the same tokens wherever it stands, and texts repeat their pieces. So a text
is cut at its blanks, which takes Python a single call for all texts; a piece that is known is a row of a table, and
what the table says of all of them is picked by NumPy. Texts with a piece that depends on more than the one after it,
and very long texts, are read by runtime.text.words as a whole. What is found is always what that module finds.

The module does not know the tokenizer: it is given a function from words to tokens.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts
from runtime.encode.piece_table import UNKNOWN, WHOLE, WITH_PERIOD, Period, Table, TextWords, period_of
from runtime.text.sentences import Ends, may_part
from runtime.text.words import RUN, runs_of_words, split_words

TokensOfWords = Callable[[Sequence[str]], list[tuple[int, ...]]]

# Largest number of pieces that are kept, and their average weight (see Table) at most; with English news it is 10.
# Measured, that takes 60 MB with English words and 50 MB with lines of Chinese, each of which is one piece of up to 64
# words and never comes again.
MOST_PIECES, _WEIGHT = 250_000, 16
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
_IS_BREAK = np.zeros(_LAST + 2, np.bool_)
_IS_BREAK[[10, 11, 12, 13, 0x85, 0x2028, 0x2029]] = True
_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class _Cut(NamedTuple):
    """Texts that are cut into pieces.

    Attributes:
        pieces: of all texts. [pieces]
        start: number of each piece's first code point in its text. [pieces]
        first: number of each text's first piece, and the number of all. [texts + 1]
        has_break: whether a text has a line break. [texts]
    """

    pieces: list[str]
    start: NDArray[np.int64]
    first: NDArray[np.int64]
    has_break: NDArray[np.bool_]


class Pieces:
    """Finds the words of texts, and keeps what it learned. Several threads may use it at the same time.

    Args:
        tokens_of_words: token ids of each word, which do not depend on the others.
        most: largest number of pieces of usual weight that are kept, apart from those of one call.
    """

    def __init__(self, tokens_of_words: TokensOfWords, *, most: int = MOST_PIECES) -> None:
        self._tokens_of_words, self._most = tokens_of_words, most
        self._table, self._lock = Table(), threading.Lock()

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
        cut = _cut(short)
        table, row = self._rows(short, cut)
        _, start, first, has_break = cut
        text = np.repeat(np.arange(len(texts)), np.diff(first))
        whole[text[row == WHOLE]] = True
        if not whole.any():
            return table.words(row, start, first, has_break)
        kept = ~whole[text]
        counts = np.bincount(text[kept], minlength=len(texts))
        read = self._read([texts[number] for number in np.flatnonzero(whole).tolist()])
        words, may = np.zeros((2, len(texts)), np.int64)
        words[whole], may[whole] = read.words, read.may
        found = table.words(row[kept], start[kept], starts_from_counts(counts), has_break & ~whole)
        return _merged(found, replace(read, words=words, may=may))

    def _rows(self, texts: Sequence[str], cut: _Cut) -> tuple[Table, NDArray[np.int64]]:
        """A table, and the row of each piece in it. [pieces]"""
        table, pieces = self._table, cut.pieces
        row = _looked_up(table, pieces)
        unknown = np.flatnonzero(row == UNKNOWN)
        if len(unknown):
            known, table = table, self._learned(table, pieces, unknown.tolist())
            # What a row says never changes, so that the known ones are looked up in a new table alone.
            again = unknown if table is known else np.arange(len(pieces))
            row[again] = _looked_up(table, [pieces[at] for at in again.tolist()])
            row[row == UNKNOWN] = WHOLE
        period = table.columns.array[row, 4]
        numbers = np.flatnonzero(period == Period.NUMBER)
        text = np.searchsorted(cut.first, numbers, side="right") - 1
        # Several are a list, perhaps; so far apart as its items may be, only the whole text tells.
        whole = cut.has_break[text] | (np.bincount(text)[text] > 1)
        row[numbers[whole]] = WHOLE
        places = [at for at, n in zip(numbers[~whole].tolist(), text[~whole].tolist()) if _opens(texts[n], cut, n, at)]
        places += _before_capitals(cut, np.flatnonzero(period == Period.INITIAL))
        row[places] = [table.rows[pieces[at] + WITH_PERIOD] for at in places]
        return table, row

    def _learned(self, table: Table, pieces: list[str], places: list[int]) -> Table:
        """A table that has all pieces that tables take: this one, or a new one where it would be too large.

        Args:
            table: knows all pieces but those at `places`.
        """
        unknown = {pieces[at] for at in places}
        if len(table.rows) + 2 * len(unknown) > self._most or table.weight > _WEIGHT * self._most:
            table, unknown = Table(), set(pieces)
        fresh = [piece for piece in unknown if len(piece) <= LONGEST_PIECE]
        periods = [piece + WITH_PERIOD for piece in fresh if period_of(piece)]
        # Before the others, so that such a piece is there for either case before it is there at all.
        spans = [split_words(piece)[:-1] for piece in periods]
        # Most pieces are one word, as runtime.text.words sees first of all.
        spans += [[(0, len(each))] if each.isascii() and each.isalnum() else split_words(each) for each in fresh]
        known = periods + fresh
        words = [piece[start:end] for piece, each in zip(known, spans) for start, end in each]
        tokens = self._tokens_of_words(words)
        with self._lock:
            table.add(known, spans, tokens)
            self._table = table
        return table

    def _read(self, texts: Sequence[str]) -> TextWords:
        """The same without pieces: text by text, and a block of words at a time."""
        counts = [0] * len(texts)
        bounds, tokens, ids = [np.empty((0, 2), np.int32)], [], []
        for block, spans in _blocks(texts, counts):
            flat = np.fromiter(chain.from_iterable(spans), np.int32, 2 * len(spans))
            found = self._tokens_of_words(block)
            bounds.append(flat.reshape(-1, 2))
            tokens.append(np.fromiter(map(len, found), np.int64, len(found)))
            ids.append(np.fromiter(chain.from_iterable(found), np.int64, int(tokens[-1].sum())))
        may = np.array([Ends.ANYTHING * may_part(text) for text in texts], np.int64)
        words = np.array(counts, np.int64)
        return TextWords(words, np.concatenate(bounds), np.concatenate(tokens), np.concatenate(ids), may)


def _cut(texts: Sequence[str]) -> _Cut:
    """The texts cut at their blanks."""
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
    breaks = np.searchsorted(np.flatnonzero(_IS_BREAK[codes]), text)
    # One of them is what stands between two texts.
    has_break = np.diff(breaks) > 1
    if len(texts):
        has_break[-1] = breaks[-1] > breaks[-2]
    return _Cut(together.split(), at - np.repeat(text[:-1], np.diff(first)), first, has_break)


def _before_capitals(cut: _Cut, initials: NDArray[np.int64]) -> list[int]:
    """Those of the initials that stand before a piece that begins in upper case."""
    # The last piece of a text has no next one.
    last = np.zeros(len(cut.pieces) + 1, np.bool_)
    last[cut.first] = True
    return [at for at in initials.tolist() if not last[at + 1] and cut.pieces[at + 1][0] in _CAPITALS]


def _opens(text: str, cut: _Cut, number: int, at: int) -> bool:
    """Whether a piece opens its text, and blanks or tabs alone stand between it and another piece."""
    if cut.start[at] or at + 1 == cut.first[number + 1]:
        return False
    return not text[len(cut.pieces[at]) : cut.start[at + 1]].strip(" \t")


def _looked_up(table: Table, pieces: list[str]) -> NDArray[np.int64]:
    """Row of each piece; UNKNOWN where it has none. [pieces]"""
    return np.fromiter(map(table.rows.get, pieces, itertools.repeat(UNKNOWN)), np.int64, len(pieces))


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
        np.concatenate([part.may for part in parts]),
    )


def _merged(one: TextWords, other: TextWords) -> TextWords:
    """The same texts, each of which has words in one of the two alone."""
    both = _joined([one, other])
    text = np.repeat(np.tile(np.arange(len(one.words)), 2), both.words)
    order = np.argsort(text, kind="stable")
    ids = both.ids[ranges(starts_from_counts(both.tokens)[:-1][order], both.tokens[order])]
    return TextWords(one.words + other.words, both.bounds[order], both.tokens[order], ids, one.may | other.may)
