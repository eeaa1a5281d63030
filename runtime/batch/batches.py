"""Batches: windows -> rows -> batches, with the place of every token in its batch.

    padded_batches    each row holds one window and padding; rows of similar length share a batch
    packed_batches    each row holds several windows, side by side; rows have a few fixed lengths (see
                      runtime.batch.bin_packing)

The module does not know text, labels or backends.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtime.batch.alignment import aligned, row_align
from runtime.batch.bin_packing import fit, row_length
from runtime.batch.grouping import groups, power
from runtime.batch.ragged import distinct, ranges
from runtime.batch.windows import Windows
from runtime.errors import BugError

# Segment of a token slot that holds no token.
NOTHING = -1
# Names of all inputs that a graph may have.
GIVEN = frozenset({"input_ids", "attention_mask", "token_type_ids", "position_ids", "segment_ids"})


@dataclass(frozen=True, slots=True)
class Batch:
    """The input of a backend. All arrays: [rows, length], int64.

    Attributes:
        input_ids: token ids; 0 in empty token slots.
        segment_ids: number of the token's window within its row, from 0; -1 in empty token slots.
        position_ids: position of the token within its window, from 0; 0 in empty token slots.
    """

    input_ids: NDArray[np.int64]
    segment_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]

    @property
    def attention_mask(self) -> NDArray[np.int64]:
        """1 for a token, 0 for an empty token slot. [rows, length]"""
        return np.not_equal(self.segment_ids, NOTHING).astype(np.int64)

    def named(self, inputs: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """The arrays for a graph's inputs, by name. Token types are all 0, as a text is a single segment.

        Args:
            inputs: names of the inputs; each is in GIVEN.
        """
        given = {name: getattr(self, name) for name in inputs if name != "token_type_ids"}
        return given if len(given) == len(inputs) else {**given, "token_type_ids": np.zeros_like(self.input_ids)}

    def check(self, *, vocabulary: int, positions: int) -> None:
        """Check ids and positions, for libraries that would read out of bounds without an error.

        Args:
            vocabulary: number of rows of the table of token embeddings.
            positions: number of rows of the table of positions.

        Raises:
            BugError: an id or a position is not in its table.
        """
        for name, array, size in (("id", self.input_ids, vocabulary), ("position", self.position_ids, positions)):
            # As unsigned numbers, negative ones are larger than any table. The ufunc by itself: an array's `max` is
            # Python, which takes longer for a short text.
            if array.size and np.maximum.reduce(array.view(np.uint64), axis=None) >= size:
                raise BugError(f"a batch has {name}s from {array.min()} to {array.max()}, the table {size:,} rows")


def with_rows(batch: Batch, rows: int) -> Batch:
    """The batch filled up to a number of rows, for libraries that take only fixed shapes.

    Args:
        batch: the batch; it is returned unchanged where it has enough rows.
        rows: the number of rows to reach.
    """
    # Copies of the first row: the softmax of a row without a token would give NaN in some libraries.
    more = rows - len(batch.input_ids)
    if more <= 0:
        return batch
    index = np.concatenate([np.arange(len(batch.input_ids)), np.zeros(more, np.int64)])
    return Batch(batch.input_ids[index], batch.segment_ids[index], batch.position_ids[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Sizes of the batches that suit a backend.

    Attributes:
        shortest: length of the shortest packed rows; the others are 2, 4, 8... times as long.
        slots: largest number of token slots (rows x length) of a packed batch. A single row may be longer.
        padded_rows, padded_slots: largest numbers of rows and token slots of a padded batch. A single row may be
            longer.
        lengths: the only row lengths that the backend takes, rising; empty: it takes any. With them packed rows are
            not trimmed, and padded rows are filled up to the next of these lengths.
        align: windows begin at columns that are multiples of this, and row lengths are multiples of 16, too. A CPU's
            vector units add in groups of token slots: where it is enough (see runtime.aligned), logits are the same to
            the last bit whatever else is in the batch. The token slots in between stay empty; 1 leaves none, and rows
            as they are.
    """

    shortest: int = 64
    slots: int = 512
    padded_rows: int = 32
    padded_slots: int = 2048
    lengths: tuple[int, ...] = ()
    align: int = 1


ON_CPU = Packing()
"""Sizes for a CPU. The shortest rows hold nearly all sentences, and attention costs more the longer a row is. With 512
token slots matrix multiplications run at full speed, and batches are small enough to keep all streams busy to the end.
Padded batches of more than some thousand token slots gain nothing, and their activations do not fit the CPU's cache."""


def on_cpu(slots: int) -> Packing:
    """Sizes for a CPU with batches of so many token slots; 0: those that suit most."""
    return replace(ON_CPU, slots=slots, padded_slots=4 * slots) if slots else ON_CPU


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch with the places of the tokens that it answers for.

    Attributes:
        batch: the batch.
        slots: token slot of each of these tokens: row * length + column. [tokens answered for]
        tokens: number of the token, among the tokens of all texts. [tokens answered for]
    """

    batch: Batch
    slots: NDArray[np.int64]
    tokens: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Ids of the special tokens around every window, such as [CLS] before it and [SEP] after it."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prefix) + len(self.suffix)


def padded_batches(
    ids: NDArray[np.int64],
    windows: Windows,
    special_tokens: SpecialTokens,
    *,
    rows: int,
    slots: int,
    lengths: Sequence[int] = (),
    align: int = 1,
) -> Iterator[Placed]:
    """Batches of rows with one window each; rows of similar length share a batch.

    Args:
        ids: token ids of all texts, one text after another. [tokens]
        windows: the windows that these tokens are cut into.
        special_tokens: the tokens before and after each window.
        rows: largest number of rows of a batch.
        slots: largest number of token slots (rows x length) of a batch. A single row may be longer.
        lengths: the lengths that rows may have, rising; empty: the longest window of a batch gives its length.
        align: without `lengths`, the length of a row is a multiple of its `row_align`.

    Raises:
        BugError: a window is longer than all lengths.
    """
    if len(windows.count) == 1:
        size = aligned(windows.count + len(special_tokens), row_align(align))
        yield _alone(ids, windows, special_tokens, int(_widths(size, lengths)[0]))
        return
    # The longest first: the first batch takes the most memory, and the library keeps it for the others.
    order = np.argsort(-windows.count, kind="stable")
    width = _widths(aligned(windows.count[order] + len(special_tokens), row_align(align)), lengths)
    first = 0
    while first < len(order):
        length = int(width[first])
        last = first + max(1, min(rows, slots // length))
        if lengths:  # a window that fits a shorter length is not filled up to this one
            last = min(last, int(np.searchsorted(-width, -length, side="right")))
        chosen = order[first:last]
        starts = np.arange(len(chosen)) * length
        yield _placed(ids, windows, chosen, starts, np.zeros_like(starts), special_tokens, (len(chosen), length))
        first += len(chosen)


def packed_batches(
    ids: NDArray[np.int64],
    windows: Windows,
    special_tokens: SpecialTokens,
    *,
    shortest: int,
    slots: int,
    trim: bool,
    align: int = 1,
    streams: int = 1,
) -> Iterator[Placed]:
    """Batches of rows with several windows each, so that few token slots are empty.

    A batch has up to `slots` token slots. What is left after the full ones is one more batch, of any number of rows,
    since each call of a library costs as much as a row, or equal ones for several streams; or, without `trim`, batches
    of 1, 2, 4, 8... rows, so that a library that compiles or captures shapes meets few of them; see
    runtime.batch.grouping. One of fewer rows is filled up to such a number with copies of its first row.

    Args:
        ids, windows, special_tokens: as in padded_batches.
        shortest: length of the shortest rows; the others are 2, 4, 8... times as long. A window goes into a row of the
            first length that holds it, or of a longer one that has room.
        slots: largest number of token slots of a batch. A single row may be longer.
        trim: cut empty token slots off the ends of the rows of a small batch, for libraries that take any shape.
        align: windows begin at columns that are multiples of this, and the lengths of trimmed rows are multiples of
            its `row_align`. Both must divide `shortest`.
        streams: batches that the library runs at the same time.
    """
    size = aligned(windows.count + len(special_tokens), align)
    if len(size) == 1:
        width = aligned(size, row_align(align))[0] if trim else row_length(size[0], shortest)
        yield _alone(ids, windows, special_tokens, int(width))
        return
    rows = fit(size, shortest=shortest)
    for length in distinct(rows.length).tolist():
        of_length = np.flatnonzero(rows.length == length)
        # The fullest rows first: the emptiest then share the small batches at the end, where trimming gains most.
        fullest = of_length[np.argsort(-rows.used[of_length], kind="stable")]
        most = max(1, slots // length)
        for group in groups(fullest, most, few_shapes=not trim, streams=streams):
            used = aligned(rows.used[group].max(keepdims=True), row_align(align))
            width = int(used[0]) if trim and len(group) < max(2, most) else length
            chosen = rows.within(group)
            starts = np.repeat(np.arange(len(group)) * width, rows.count[group]) + rows.column[chosen]
            shape = (len(group), width)
            placed = _placed(ids, windows, chosen, starts, rows.number[chosen], special_tokens, shape)
            if not trim and len(group) < most:
                placed = replace(placed, batch=with_rows(placed.batch, power(len(group))))
            yield from _cut(placed, most)


def _widths(size: NDArray[np.int64], lengths: Sequence[int]) -> NDArray[np.int64]:
    """The first of the lengths that holds each size; the size itself where no lengths are given. [windows]"""
    if not lengths or not len(size):
        return size
    if size.max() > lengths[-1]:
        raise BugError(f"a window of {size.max()} tokens, and rows of {lengths[-1]} at most")
    return np.asarray(lengths)[np.searchsorted(lengths, size)]


def _cut(placed: Placed, rows: int) -> Iterator[Placed]:
    """The batch cut into batches of that many rows."""
    # Making one large batch and cutting it takes a tenth of the time of making many.
    batch, length = placed.batch, placed.batch.input_ids.shape[1]
    starts = range(0, len(batch.input_ids), rows)
    borders = [*np.searchsorted(placed.slots, [start * length for start in starts]).tolist(), len(placed.slots)]
    for start, (first, last) in zip(starts, itertools.pairwise(borders)):
        cut = slice(start, start + rows)
        part = Batch(batch.input_ids[cut], batch.segment_ids[cut], batch.position_ids[cut])
        yield Placed(part, placed.slots[first:last] - start * length, placed.tokens[first:last])


def _alone(ids: NDArray[np.int64], windows: Windows, special_tokens: SpecialTokens, width: int) -> Placed:
    """A batch of one row with the only window: the same as _placed makes."""
    # A single text is the common case of a server, and this takes a fraction of _placed's time.
    start, count, skip, keep = (int(column[0]) for column in (windows.start, windows.count, windows.skip, windows.keep))
    before, size = len(special_tokens.prefix), count + len(special_tokens)
    input_ids, position_ids = np.zeros((2, 1, width), np.int64)
    input_ids[0, :size] = [*special_tokens.prefix, *ids[start : start + count].tolist(), *special_tokens.suffix]
    position_ids[0, :size] = np.arange(size)
    segment_ids = np.full((1, width), NOTHING)
    segment_ids[0, :size] = 0
    first, token = before + skip, start + skip
    batch = Batch(input_ids, segment_ids, position_ids)
    return Placed(batch, np.arange(first, first + keep), np.arange(token, token + keep))


def _placed(
    ids: NDArray[np.int64],
    windows: Windows,
    chosen: NDArray[np.int64],
    starts: NDArray[np.int64],
    segments: NDArray[np.int64],
    special_tokens: SpecialTokens,
    shape: tuple[int, int],
) -> Placed:
    """A batch with the chosen windows and their special tokens.

    Args:
        ids, windows, special_tokens: as in padded_batches.
        chosen: numbers of the windows. [chosen]
        starts: token slot at which each of them begins, special tokens included. [chosen]
        segments: number of each within its row. [chosen]
        shape: rows and length of the batch.
    """
    count = windows.count[chosen]
    size, inner = count + len(special_tokens), starts + len(special_tokens.prefix)
    filled = ranges(starts, size)
    input_ids, position_ids = np.zeros((2, shape[0] * shape[1]), np.int64)
    segment_ids = np.full(shape[0] * shape[1], NOTHING)
    slots, tokens = ranges(inner, count), ranges(windows.start[chosen], count)
    input_ids[slots] = ids[tokens]
    for offset, special in enumerate(special_tokens.prefix):
        input_ids[starts + offset] = special
    for offset, special in enumerate(special_tokens.suffix):
        input_ids[inner + count + offset] = special
    position_ids[filled] = filled - np.repeat(starts, size)
    segment_ids[filled] = np.repeat(segments, size)
    skip, keep = windows.skip[chosen], windows.keep[chosen]
    batch = Batch(input_ids.reshape(shape), segment_ids.reshape(shape), position_ids.reshape(shape))
    # Nearly all windows answer for all of their tokens; then slots and tokens are right as they are.
    if not np.array_equal(keep, count):
        slots, tokens = ranges(inner + skip, keep), ranges(windows.start[chosen] + skip, keep)
    return Placed(batch, slots, tokens)
