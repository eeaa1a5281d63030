"""Texts or sentences -> windows, and which window answers for which token. Pure.

A text that fits is one window, so that it gets exactly what it gets alone. A longer one is cut into windows of the
full length, each reaching `stride` tokens into the one before; the last is moved back to be full too. In an overlap
the first half belongs to the earlier window and the second to the later: so every token is answered where the nearer
of its two edges is farthest away.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts


@dataclass(frozen=True, slots=True)
class Windows:
    """Runs of tokens, in order of text and place. All arrays: [windows].

    Attributes:
        start: first token of each, among the tokens of all texts.
        count: tokens of each, special ones not included.
        skip: tokens at its start that an earlier window answers for.
        keep: tokens after those that this window answers for; over all windows every token is kept exactly once.
    """

    start: NDArray[np.int64]
    count: NDArray[np.int64]
    skip: NDArray[np.int64]
    keep: NDArray[np.int64]

    @property
    def columns(self) -> tuple[NDArray[np.int64], ...]:
        """All four arrays, in that order."""
        return self.start, self.count, self.skip, self.keep


def windows_of(text_start: NDArray[np.int64], *, capacity: int, stride: int) -> Windows:
    """Cut texts into windows; a text without tokens has none.

    Args:
        text_start: where each text's tokens start, and, last, where all end. [texts + 1]
        capacity: most tokens of a window, special ones not included.
        stride: tokens that neighboring windows share, at least 0 and less than capacity.
    """
    size = np.diff(text_start)
    if size.max(initial=0) <= capacity:
        # As nearly always. The rules below say the same, and take ten times as long.
        some = size > 0
        count = size[some]
        return Windows(text_start[:-1][some], count, np.zeros_like(count), count)
    step = capacity - stride
    # A window for the first `capacity` tokens and one for every `step` begun after them.
    windows = np.where(size > 0, 1 + np.maximum(0, -(-(size - capacity) // step)), 0)
    number = ranges(np.zeros_like(windows), windows)
    text_size, text_first = np.repeat(size, windows), np.repeat(text_start[:-1], windows)
    count = np.minimum(text_size, capacity)
    local = np.minimum(number * step, text_size - count)
    # The border between a window and the next: the middle of what they share; at a text's ends: the ends.
    first = starts_from_counts(windows)
    opens, closes = np.zeros(len(number), np.bool_), np.zeros(len(number), np.bool_)
    opens[first[:-1][windows > 0]] = True
    closes[first[1:][windows > 0] - 1] = True
    border = (np.roll(local, -1) + local + count) // 2
    keep_end = np.where(closes, text_size, border)
    keep_start = np.where(opens, 0, np.roll(border, 1))
    return Windows(text_first + local, count, keep_start - local, keep_end - keep_start)


def in_context(windows: Windows, text_start: NDArray[np.int64], *, capacity: int, context: int) -> Windows:
    """Each window with tokens of its text on both sides, which it does not answer for.

    Args:
        windows: of sentences.
        text_start: where each text's tokens start, and, last, where all end. [texts + 1]
        capacity: most tokens of a window, special ones not included.
        context: most tokens on each side. Where fewer fit, either side has half of what does, or what the other leaves.
    """
    end = windows.start + windows.count
    text = np.searchsorted(text_start, windows.start, side="right") - 1
    left = np.minimum(context, windows.start - text_start[text])
    right = np.minimum(context, text_start[text + 1] - end)
    room = capacity - windows.count
    left = np.minimum(left, np.maximum(room - right, room // 2))
    right = np.minimum(right, room - left)
    return Windows(windows.start - left, left + windows.count + right, windows.skip + left, windows.keep)


@dataclass(frozen=True, slots=True)
class Block:
    """Some windows that follow each other, as if their tokens were all there are.

    Attributes:
        windows: their places counted from `start`.
        start, end: the tokens that they read, among the tokens of all texts.
        keep_start, keep_end: the tokens that they answer for, among the tokens of all texts.
    """

    windows: Windows
    start: int
    end: int
    keep_start: int
    keep_end: int


def blocks_of(windows: Windows, *, tokens: int) -> Iterator[Block]:
    """Windows in blocks, so that the logits of a long text never lie in memory all at once.

    Args:
        windows: as windows_of cuts them; what each keeps follows what the one before keeps.
        tokens: about how many a block reads; it ends with the window that reaches that number.
    """
    read = np.cumsum(windows.count)
    borders: list[int] = []
    if len(read) and read[-1] > tokens:
        borders = (np.flatnonzero(np.diff((read - windows.count) // tokens)) + 1).tolist()
    for first, last in itertools.pairwise([0, *borders, len(read)] if len(read) else []):
        start, count, skip, keep = (
            column[first:last] for column in (windows.start, windows.count, windows.skip, windows.keep)
        )
        # In context, a short window can reach farther than the next one.
        begin, end = int(start.min()), int((start + count).max())
        kept_from, kept_to = int(start[0] + skip[0]), int(start[-1] + skip[-1] + keep[-1])
        yield Block(Windows(start - begin, count, skip, keep), begin, end, kept_from, kept_to)
