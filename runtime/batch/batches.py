"""Windows -> rows -> batches, and back: which cell of which batch holds which word piece. Pure.

    padded_batches      a window a row, and padding; rows of like length share a batch
    packed_batches      several windows a row, next to each other; rows of a few fixed lengths (runtime.batch.bin_packing says where)

It knows nothing of text, labels or engines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.batch.bin_packing import fit, row_length
from runtime.batch.ragged import ranges
from runtime.batch.windows import Windows
from runtime.errors import BugError

NOTHING = -1
# Names of all inputs that a graph can be given.
GIVEN = frozenset({"input_ids", "attention_mask", "token_type_ids", "position_ids", "segment_ids"})


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

    def named(self, inputs: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """The arrays that a graph with these inputs is given; token types are all 0."""
        given = {name: getattr(self, name) for name in inputs if name != "token_type_ids"}
        return given if len(given) == len(inputs) else {**given, "token_type_ids": np.zeros_like(self.input_ids)}

    def check(self, *, vocabulary: int, positions: int) -> None:
        """For engines that read whatever lies behind a table when an index leaves it.

        Raises:
            BugError: an id is not in the embedding table, or a position not in the table of positions.
        """
        for name, array, size in (("id", self.input_ids, vocabulary), ("position", self.position_ids, positions)):
            if array.size and (array.min() < 0 or array.max() >= size):
                raise BugError(f"a batch has {name}s from {array.min()} to {array.max()}, the table {size:,} rows")


def with_rows(batch: Batch, rows: int) -> Batch:
    """The batch with more rows, for engines that take no other number: its first row again and again.

    A row that is there already is never empty; an engine can make NaN of a row without a piece.
    """
    more = rows - len(batch.input_ids)
    if more <= 0:
        return batch
    index = np.concatenate([np.arange(len(batch.input_ids)), np.zeros(more, np.int64)])
    return Batch(batch.input_ids[index], batch.segment_ids[index], batch.position_ids[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Which batches a backend wants.

    Attributes:
        shortest: length of the shortest packed rows; the others are 2, 4, 8... times as long.
        cells: most cells (rows x length) of a packed batch of several rows.
        padded_rows, padded_cells: most of a padded batch; a single row may hold more cells.
        lengths: of rows, rising, for an engine that takes no others; empty: it takes any. Packed rows are then not
            trimmed, and padded ones are filled up to the next of these lengths.
    """

    shortest: int = 64
    cells: int = 512
    padded_rows: int = 32
    padded_cells: int = 2048
    lengths: tuple[int, ...] = ()


ON_CPU = Packing()
"""For a processor: the shortest rows hold nearly all sentences, and attention costs more the longer a row is. 512 cells
are enough for a matrix product to run at full speed, and few enough that batches keep all streams busy to the end.
Padded: beyond some thousand cells nothing is gained and the activations leave the processor's cache."""


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
    ids: NDArray[np.int64], windows: Windows, frame: Frame, *, rows: int, cells: int, lengths: Sequence[int] = ()
) -> Iterator[Placed]:
    """One window a row, rows of like length together, the longest first so that memory is asked for once.

    Args:
        ids: word pieces of all texts, flat. [pieces]
        windows: cut from them.
        frame: special pieces around each window.
        rows: most rows of a batch.
        cells: most cells (rows x length) of a batch; a single row may hold more.
        lengths: that rows may have, rising; empty: a row is as long as the longest window of its batch.

    Raises:
        BugError: a window is longer than all lengths.
    """
    if len(windows.count) == 1:
        yield _alone(ids, windows, frame, int(_widths(windows.count + len(frame), lengths)[0]))
        return
    order = np.argsort(-windows.count, kind="stable")
    width = _widths(windows.count[order] + len(frame), lengths)
    first = 0
    while first < len(order):
        length = int(width[first])
        last = first + max(1, min(rows, cells // length))
        if lengths:  # a shorter window is not filled up to the length of a longer one
            last = min(last, int(np.searchsorted(-width, -length, side="right")))
        chosen = order[first:last]
        starts = np.arange(len(chosen)) * length
        yield _placed(ids, windows, chosen, starts, np.zeros_like(starts), frame, (len(chosen), length))
        first += len(chosen)


def packed_batches(
    ids: NDArray[np.int64], windows: Windows, frame: Frame, *, shortest: int, cells: int, trim: bool
) -> Iterator[Placed]:
    """Several windows a row, so that hardly a cell holds nothing.

    A batch has 1, 2, 4, 8... rows, up to `cells` cells. So an engine that compiles or captures shapes meets few of
    them, and no row is computed for nothing.

    Args:
        ids, windows, frame: as padded_batches takes them.
        shortest: length of the shortest rows. The others are 2, 4, 8... times as long: the first that holds a window.
        cells: of a batch of several rows.
        trim: cut the cells that hold nothing off the ends of a small batch; for engines that take any shape.
    """
    size = windows.count + len(frame)
    if len(size) == 1:
        yield _alone(ids, windows, frame, int(size[0] if trim else row_length(size[0], shortest)))
        return
    rows = fit(size, shortest=shortest)
    for length in np.unique(rows.length).tolist():
        of_length = np.flatnonzero(rows.length == length)
        # The fullest rows go first, so that those in the small batches at the end are the ones that can be trimmed.
        fullest = of_length[np.argsort(-rows.used[of_length], kind="stable")]
        most = max(1, cells // length)
        for group in _groups(fullest, most):
            width = int(rows.used[group].max()) if trim and len(group) < max(2, most) else length
            chosen = rows.within(group)
            starts = np.repeat(np.arange(len(group)) * width, rows.count[group]) + rows.column[chosen]
            shape = (len(group), width)
            yield from _cut(_placed(ids, windows, chosen, starts, rows.number[chosen], frame, shape), most)


def _widths(size: NDArray[np.int64], lengths: Sequence[int]) -> NDArray[np.int64]:
    """The first of the lengths that holds each size; the size itself where there are none. [windows]"""
    if not lengths or not len(size):
        return size
    if size.max() > lengths[-1]:
        raise BugError(f"a window of {size.max()} pieces, and rows of {lengths[-1]} at most")
    return np.asarray(lengths)[np.searchsorted(lengths, size)]


def _groups(rows: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """All that fill batches of `most` rows in one piece, the rest in pieces of most/2, most/4... 1."""
    whole = len(rows) - len(rows) % most if most > 1 else 0
    if whole:
        yield rows[:whole]
    rest, size = rows[whole:], max(1, most // 2)
    while len(rest):
        if size > len(rest):
            size //= 2
            continue
        yield rest[:size]
        rest = rest[size:]


def _cut(placed: Placed, rows: int) -> Iterator[Placed]:
    """The same in batches of that many rows. All are made at once and then cut: that takes a tenth of the time."""
    batch, length = placed.batch, placed.batch.input_ids.shape[1]
    starts = range(0, len(batch.input_ids), rows)
    borders = [*np.searchsorted(placed.cells, [start * length for start in starts]).tolist(), len(placed.cells)]
    for start, (first, last) in zip(starts, itertools.pairwise(borders)):
        cut = slice(start, start + rows)
        part = Batch(batch.input_ids[cut], batch.segment_ids[cut], batch.position_ids[cut])
        yield Placed(part, placed.cells[first:last] - start * length, placed.pieces[first:last])


def _alone(ids: NDArray[np.int64], windows: Windows, frame: Frame, width: int) -> Placed:
    """A batch of one row with the one window that there is: what _placed makes of it, in a fraction of the time."""
    start, count, skip, keep = (int(column[0]) for column in (windows.start, windows.count, windows.skip, windows.keep))
    before, size = len(frame.prefix), count + len(frame)
    input_ids, position_ids = np.zeros((2, 1, width), np.int64)
    input_ids[0, :size] = [*frame.prefix, *ids[start : start + count].tolist(), *frame.suffix]
    position_ids[0, :size] = np.arange(size)
    segment_ids = np.full((1, width), NOTHING)
    segment_ids[0, :size] = 0
    first, piece = before + skip, start + skip
    batch = Batch(input_ids, segment_ids, position_ids)
    return Placed(batch, np.arange(first, first + keep), np.arange(piece, piece + keep))


def _placed(
    ids: NDArray[np.int64],
    windows: Windows,
    chosen: NDArray[np.int64],
    starts: NDArray[np.int64],
    segments: NDArray[np.int64],
    frame: Frame,
    shape: tuple[int, int],
) -> Placed:
    """A batch of that shape with the chosen windows, each from its starting cell on, frame included."""
    count = windows.count[chosen]
    size, inner = count + len(frame), starts + len(frame.prefix)
    filled = ranges(starts, size)
    input_ids, position_ids = np.zeros((2, shape[0] * shape[1]), np.int64)
    segment_ids = np.full(shape[0] * shape[1], NOTHING)
    cells, pieces = ranges(inner, count), ranges(windows.start[chosen], count)
    input_ids[cells] = ids[pieces]
    for offset, special in enumerate(frame.prefix):
        input_ids[starts + offset] = special
    for offset, special in enumerate(frame.suffix):
        input_ids[inner + count + offset] = special
    position_ids[filled] = filled - np.repeat(starts, size)
    segment_ids[filled] = np.repeat(segments, size)
    skip, keep = windows.skip[chosen], windows.keep[chosen]
    batch = Batch(input_ids.reshape(shape), segment_ids.reshape(shape), position_ids.reshape(shape))
    if not np.array_equal(keep, count):  # a window that answers for all its pieces skips none of them
        cells, pieces = ranges(inner + skip, keep), ranges(windows.start[chosen] + skip, keep)
    return Placed(batch, cells, pieces)
