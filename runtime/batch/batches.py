"""Windows -> rows -> batches, and back: which token slot of which batch holds which token. Pure.

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
        input_ids: token ids, 0 where there is nothing.
        segment_ids: which window of its row a token belongs to, from 0; -1 where there is nothing.
        position_ids: position within its window, from 0; 0 where there is nothing.
    """

    input_ids: NDArray[np.int64]
    segment_ids: NDArray[np.int64]
    position_ids: NDArray[np.int64]

    @property
    def attention_mask(self) -> NDArray[np.int64]:
        """1 where there is a token, 0 where there is nothing. [rows, length]"""
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

    A row that is there already is never empty; an engine can make NaN of a row without a token.
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
        slots: most token slots (rows x length) of a packed batch of several rows.
        padded_rows, padded_slots: most of a padded batch; a single row may hold more token slots.
        lengths: of rows, rising, for an engine that takes no others; empty: it takes any. Packed rows are then not
            trimmed, and padded ones are filled up to the next of these lengths.
        align: columns that windows begin at, and lengths that rows have, are multiples of this. A CPU's vector units
            add up in groups of so many slots: with 16 (8 in int8) logits are the same to the last bit whatever else is
            in the batch. It costs the token slots in between, and 1 costs none.
    """

    shortest: int = 64
    slots: int = 512
    padded_rows: int = 32
    padded_slots: int = 2048
    lengths: tuple[int, ...] = ()
    align: int = 1


ON_CPU = Packing()
"""For a CPU: the shortest rows hold nearly all sentences, and attention costs more the longer a row is. 512 token slots
are enough for a matrix product to run at full speed, and few enough that batches keep all streams busy to the end.
Padded: beyond some thousand token slots nothing is gained and the activations leave the CPU's cache."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch and where the tokens of texts lie in it.

    Attributes:
        batch: what the engine is given.
        slots: the token slot (row * length + column) of each token that this batch answers for. [tokens answered]
        tokens: which token that is, among the tokens of all texts. [tokens answered]
    """

    batch: Batch
    slots: NDArray[np.int64]
    tokens: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Special tokens that open and close every window, such as [CLS] and [SEP]."""

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
    """One window a row, rows of like length together, the longest first so that memory is asked for once.

    Args:
        ids: tokens of all texts, flat. [tokens]
        windows: cut from them.
        special_tokens: special tokens around each window.
        rows: most rows of a batch.
        slots: most token slots (rows x length) of a batch; a single row may hold more.
        lengths: that rows may have, rising; empty: a row is as long as the longest window of its batch.
        align: rows are as long as the next multiple of this, where `lengths` does not say.

    Raises:
        BugError: a window is longer than all lengths.
    """
    if len(windows.count) == 1:
        size = _aligned(windows.count + len(special_tokens), align)
        yield _alone(ids, windows, special_tokens, int(_widths(size, lengths)[0]))
        return
    order = np.argsort(-windows.count, kind="stable")
    width = _widths(_aligned(windows.count[order] + len(special_tokens), align), lengths)
    first = 0
    while first < len(order):
        length = int(width[first])
        last = first + max(1, min(rows, slots // length))
        if lengths:  # a shorter window is not filled up to the length of a longer one
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
) -> Iterator[Placed]:
    """Several windows a row, so that hardly a token slot holds nothing.

    A batch has 1, 2, 4, 8... rows, up to `slots` token slots. So an engine that compiles or captures shapes meets few of
    them, and no row is computed for nothing.

    Args:
        ids, windows, special_tokens: as padded_batches takes them.
        shortest: length of the shortest rows. The others are 2, 4, 8... times as long: the first that holds a window.
        slots: of a batch of several rows.
        trim: cut the token slots that hold nothing off the ends of a small batch; for engines that take any shape.
        align: columns that windows begin at, and the length of trimmed rows, are multiples of this; it divides
            `shortest`.
    """
    size = _aligned(windows.count + len(special_tokens), align)
    if len(size) == 1:
        yield _alone(ids, windows, special_tokens, int(size[0] if trim else row_length(size[0], shortest)))
        return
    rows = fit(size, shortest=shortest)
    for length in np.unique(rows.length).tolist():
        of_length = np.flatnonzero(rows.length == length)
        # The fullest rows go first, so that those in the small batches at the end are the ones that can be trimmed.
        fullest = of_length[np.argsort(-rows.used[of_length], kind="stable")]
        most = max(1, slots // length)
        for group in _groups(fullest, most):
            width = int(rows.used[group].max()) if trim and len(group) < max(2, most) else length
            chosen = rows.within(group)
            starts = np.repeat(np.arange(len(group)) * width, rows.count[group]) + rows.column[chosen]
            shape = (len(group), width)
            yield from _cut(_placed(ids, windows, chosen, starts, rows.number[chosen], special_tokens, shape), most)


def _aligned(size: NDArray[np.int64], align: int) -> NDArray[np.int64]:
    """The next multiple of `align` for each size. [windows]"""
    return size if align == 1 else -(-size // align) * align


def _widths(size: NDArray[np.int64], lengths: Sequence[int]) -> NDArray[np.int64]:
    """The first of the lengths that holds each size; the size itself where there are none. [windows]"""
    if not lengths or not len(size):
        return size
    if size.max() > lengths[-1]:
        raise BugError(f"a window of {size.max()} tokens, and rows of {lengths[-1]} at most")
    return np.asarray(lengths)[np.searchsorted(lengths, size)]


def _groups(rows: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """All that fill batches of `most` rows in one token, the rest in tokens of most/2, most/4... 1."""
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
    borders = [*np.searchsorted(placed.slots, [start * length for start in starts]).tolist(), len(placed.slots)]
    for start, (first, last) in zip(starts, itertools.pairwise(borders)):
        cut = slice(start, start + rows)
        part = Batch(batch.input_ids[cut], batch.segment_ids[cut], batch.position_ids[cut])
        yield Placed(part, placed.slots[first:last] - start * length, placed.tokens[first:last])


def _alone(ids: NDArray[np.int64], windows: Windows, special_tokens: SpecialTokens, width: int) -> Placed:
    """A batch of one row with the one window that there is: what _placed makes of it, in a fraction of the time."""
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
    """A batch of that shape with the chosen windows, each from its starting token slot on, frame included."""
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
    if not np.array_equal(keep, count):  # a window that answers for all its tokens skips none of them
        slots, tokens = ranges(inner + skip, keep), ranges(windows.start[chosen] + skip, keep)
    return Placed(batch, slots, tokens)
