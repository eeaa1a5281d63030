"""The table of known pieces of texts: the words of each, and the words' tokens. It is read by many threads at once.

It knows neither texts nor the tokenizer; runtime.encode.pieces fills it, and says what a piece is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts
from runtime.text.run_on_rows import FEWEST_ROWS
from runtime.text.sentences import Ends, Signs, signs_of

# An initial, if the next piece begins in upper case; if not, the period is a word by itself. And the number of an item,
# which keeps its period at the beginning of a text, and in a list of several.
_INITIAL, _NUMBER = re.compile(r"[A-Z]\.\Z"), re.compile(r"\d{1,3}\.")
# A piece with this after it is one whose period belongs to it.
WITH_PERIOD = " A"
# Row of the pieces that are not in the table: their texts are read as a whole. Row of pieces that were not looked at.
WHOLE, UNKNOWN = 0, -1


@dataclass(frozen=True, slots=True)
class TextWords:
    """The words of texts, and the words' tokens, one text after another.

    Attributes:
        words: number of words of each text. [texts]
        bounds: number of each word's first code point in its text, and of its last plus one. [words, 2]
        tokens: number of tokens of each word. [words]
        ids: the token ids. [tokens]
        may: the runtime.text.sentences.Ends that could end a sentence before the text ends. [texts]
    """

    words: NDArray[np.int64]
    bounds: NDArray[np.int32]
    tokens: NDArray[np.int64]
    ids: NDArray[np.int64]
    may: NDArray[np.int64]


class Period(IntEnum):
    """Of a piece: what the period at its end belongs to."""

    PLAIN = 0  # whatever stands beside the piece, it is the same
    INITIAL = 1
    NUMBER = 2


def period_of(piece: str) -> Period:
    """The Period of a piece."""
    if piece[-1:] != ".":
        return Period.PLAIN
    if _NUMBER.fullmatch(piece):
        return Period.NUMBER
    return Period.INITIAL if _INITIAL.search(piece) else Period.PLAIN


class Table:
    """Known pieces and what they consist of. It only grows: what a row says never changes.

    Attributes:
        rows: piece -> its row. A piece is here only once its row can be read.
        columns: see the properties of TextWords, for each row: its first word, words, first token and tokens; its
            Period; its runtime.text.sentences.Signs. [rows, 6]
        bounds, tokens: of the words of all rows; see TextWords.
        ids: of the tokens of all rows.
        weight: code points of all pieces, their words and tokens, added up: what takes memory besides their number.
    """

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.weight = 0
        self.columns = _Growing(np.empty((0, 6), np.int32))
        self.bounds, self.tokens = _Growing(np.empty((0, 2), np.int32)), _Growing(np.empty(0, np.int32))
        self.ids = _Growing(np.empty(0, np.int32))
        self.columns.append([[0, 0, 0, 0, 0, 0]])  # of WHOLE

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
            signs = signs_of(piece.removesuffix(WITH_PERIOD), each)
            columns.append((word + first, len(each), token, size, period_of(piece), signs))
            first, token = last, token + size
        self.weight += sum(map(len, pieces)) + len(counts) + sum(counts)
        self.bounds.append([*chain.from_iterable(spans)])
        self.tokens.append(counts)
        self.ids.append([*chain.from_iterable(tokens)])
        self.columns.append(columns)
        # At last, because other threads read without a lock; and what another thread has added stays as it is.
        for number, piece in enumerate(pieces, start=row):
            self.rows.setdefault(piece, number)

    def words(
        self,
        row: NDArray[np.int64],
        start: NDArray[np.int64],
        first: NDArray[np.int64],
        has_break: NDArray[np.bool_],
    ) -> TextWords:
        """The words of texts.

        Args:
            row: of each piece. [pieces]
            start: number of each piece's first code point in its text. [pieces]
            first: number of each text's first piece, and the number of all. [texts + 1]
            has_break: whether a text has a line break. [texts]
        """
        columns = self.columns.array[row].astype(np.int64)
        word, words, token, tokens = columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3]
        chosen = ranges(word, words)
        bounds = self.bounds.array[chosen] + np.repeat(start.astype(np.int32), words)[:, None]
        counted = self.tokens.array[chosen].astype(np.int64)
        ids = self.ids.array[ranges(token, tokens)].astype(np.int64)
        may = _may_end(columns[:, 5], first)
        may[has_break] = Ends.ANYTHING
        return TextWords(np.diff(starts_from_counts(words)[first]), bounds, counted, ids, may)


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


def _may_end(signs: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """The Ends that a text's pieces may make by their Signs; see Table.words for the arguments. [texts]"""

    def are(sign: Signs) -> NDArray[np.bool_]:
        return (signs & sign) > 0

    def in_texts(pieces: NDArray[np.bool_], least: int = 1) -> NDArray[np.int64]:
        counts: NDArray[np.int64] = np.diff(starts_from_counts(pieces.view(np.uint8))[first])
        return (counts >= least).astype(np.int64)

    follows = np.ones(len(signs) + 1, np.bool_)
    follows[first] = False  # nothing follows the last piece of a text
    follows = follows[1:]
    before_capital = follows.copy()
    before_capital[:-1] &= are(Signs.CAPITAL)[1:]
    may = (Ends.LAYOUT | Ends.STOPS) * in_texts(are(Signs.ALONE))
    may |= Ends.STOPS * in_texts(follows & are(Signs.STOP))
    may |= Ends.ROWS * in_texts(before_capital & are(Signs.FIGURE), FEWEST_ROWS)
    return may | Ends.DATELINES * (in_texts(before_capital & are(Signs.DATE)) & in_texts(are(Signs.WHEN)))
