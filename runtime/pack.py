"""Windows -> rows -> batches, and back: which cell of which batch holds which word piece. Pure.

A padded row holds one window and padding. Windows of like length share a batch, since every row of a batch is as
long as its longest. It knows nothing of text, labels or engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.numbers import ranges
from runtime.windows import Windows

NOTHING = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """What an engine is given. All arrays: [rows, length], int64.

    Attributes:
        input_ids: word-piece ids, 0 where there is nothing.
        segment_ids: which window of its row a piece belongs to, from 0; -1 where there is nothing.
        position_ids: position within its window, from 0; 0 where there is nothing.
    """

    input_ids: NDArray[np.int64]
    segment_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]

    @property
    def attention_mask(self) -> NDArray[np.int64]:
        """1 where there is a piece, 0 where there is nothing. [rows, length]"""
        return np.not_equal(self.segment_ids, NOTHING).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch and where the pieces of texts lie in it.

    Attributes:
        batch: what the engine is given.
        cells: the cell (row * length + column) of each piece that this batch answers for. [pieces answered]
        pieces: which piece that is, among the pieces of all texts. [pieces answered]
    """

    batch: Batch
    cells: NDArray[np.int64]
    pieces: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """Special pieces that open and close every window, such as [CLS] and [SEP]."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prefix) + len(self.suffix)


def padded_batches(
    ids: NDArray[np.int64], windows: Windows, frame: Frame, *, rows: int, cells: int
) -> Iterator[Placed]:
    """One window a row, rows of like length together, the longest first so that memory is asked for once.

    Args:
        ids: word pieces of all texts, flat. [pieces]
        windows: cut from them.
        frame: special pieces around each window.
        rows: most rows of a batch.
        cells: most cells (rows x length) of a batch; a single row may hold more.
    """
    order = np.argsort(-windows.count, kind="stable")
    first = 0
    while first < len(order):
        length = int(windows.count[order[first]]) + len(frame)
        chosen = order[first : first + max(1, min(rows, cells // length))]
        yield _padded(ids, windows, chosen, frame, length)
        first += len(chosen)


def _padded(ids: NDArray[np.int64], windows: Windows, chosen: NDArray[np.int64], frame: Frame, length: int) -> Placed:
    rows, count = len(chosen), windows.count[chosen]
    row_start = np.arange(rows) * length
    inner = row_start + len(frame.prefix)
    input_ids = np.zeros(rows * length, np.int64)
    input_ids[ranges(inner, count)] = ids[ranges(windows.start[chosen], count)]
    for offset, special in enumerate(frame.prefix):
        input_ids[row_start + offset] = special
    for offset, special in enumerate(frame.suffix):
        input_ids[inner + count + offset] = special
    filled = np.arange(length) < (count + len(frame))[:, None]  # [rows, length]
    batch = Batch(input_ids.reshape(rows, length), np.where(filled, 0, NOTHING), np.where(filled, np.arange(length), 0))
    skip, keep = windows.skip[chosen], windows.keep[chosen]
    return Placed(batch, ranges(inner + skip, keep), ranges(windows.start[chosen] + skip, keep))
