"""Windows through an engine: logits for every word piece. Here batches are made, run and taken apart again.

It knows nothing of text, words or label names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.batches import Frame, Placed, packed_batches, padded_batches
from runtime.batch.windows import Windows, blocks_of, windows_of
from runtime.concurrency import in_order
from runtime.errors import BundleError

if TYPE_CHECKING:
    pass


def piece_logits(
    backend: Backend, ids: NDArray[np.int64], windows: Windows, frame: Frame, *, labels: int
) -> NDArray[np.float32]:
    """Logits of every word piece, each from the window that answers for it. [pieces, labels]

    Batches run on as many threads as the backend has streams. What comes out does not depend on which runs when.

    Args:
        backend: the engine.
        ids: word pieces of all texts, flat. [pieces]
        windows: cut from them.
        frame: special pieces around each window.
        labels: how many labels the checkpoint has.

    Raises:
        BackendError: the engine refused a batch.
        BundleError: its logits are not of the shape asked for.
    """
    pieces = np.empty((len(ids), labels), np.float32)

    def answer(placed: Placed) -> None:
        # Each piece is answered for by one batch, so that no two threads write to one place.
        pieces[placed.pieces] = _checked(backend.logits(placed.batch), placed, labels)[placed.cells]

    for _ in in_order(answer, batches(backend, ids, windows, frame), workers=backend.streams):
        pass
    return pieces


def batches(backend: Backend, ids: NDArray[np.int64], windows: Windows, frame: Frame) -> Iterator[Placed]:
    """Windows in batches as the backend wants them; piece_logits says what the arguments are."""
    want = backend.packing
    if backend.layout == "padded":
        rows, cells = want.padded_rows, want.padded_cells
        return padded_batches(ids, windows, frame, rows=rows, cells=cells, lengths=want.lengths)
    return packed_batches(ids, windows, frame, shortest=want.shortest, cells=want.cells, trim=not want.lengths)


def _checked(logits: NDArray[np.float32], placed: Placed, labels: int) -> NDArray[np.float32]:
    """Logits of each cell, [cells, labels]."""
    expected = (*placed.batch.input_ids.shape, labels)
    if logits.shape != expected:
        found = f"logits of shape {logits.shape}, where {expected} was asked for"
        raise BundleError("graph", found, "export it again, with dynamic axes and this checkpoint's labels")
    return logits.reshape(-1, labels)


# Word pieces of a block: more than a chunk of sentences has, so that those share batches; 2 MB of logits.
PIECES = 65_536


@dataclass(frozen=True, slots=True)
class Engine:
    """A backend, and how texts are cut for it.

    Attributes:
        backend: runs the batches.
        frame: special pieces around each window.
        capacity: most pieces of a window, special ones not included.
        stride: pieces that neighbouring windows share.
        labels: how many labels the checkpoint has.
    """

    backend: Backend
    frame: Frame
    capacity: int
    stride: int
    labels: int

    def piece_blocks(
        self, ids: NDArray[np.int64], text_start: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Logits of all pieces, in order and in blocks: (number of the block's first piece, [pieces, labels]).

        Args:
            ids: word pieces of all texts, flat. [pieces]
            text_start: where each text's pieces start, and, last, where all end. [texts + 1]
        """
        windows = windows_of(text_start, capacity=self.capacity, stride=self.stride)
        for block in blocks_of(windows, pieces=PIECES):
            read = ids[block.start : block.end]
            logits = piece_logits(self.backend, read, block.windows, self.frame, labels=self.labels)
            yield block.keep_start, logits[block.keep_start - block.start : block.keep_end - block.start]


def word_blocks(
    pieces: Iterable[tuple[int, NDArray[np.float32]]], word_piece: NDArray[np.int64], nothing: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    """Logits of each word's first piece, in order and in blocks. [words, labels]

    Args:
        pieces: logits of all pieces, in order and in blocks, each with the number of its first piece.
        word_piece: the first piece of each word, or -1 for a word that has none. [words]
        nothing: the logits of such a word. [labels]
    """
    # A word without a piece goes with the word before it.
    reached = np.maximum.accumulate(word_piece)
    done = 0
    for start, logits in pieces:
        stop = int(np.searchsorted(reached, start + len(logits), side="left"))
        yield _picked(logits, word_piece[done:stop] - start, nothing)
        done = stop
    if done < len(word_piece):
        yield np.tile(nothing, (len(word_piece) - done, 1))


def _picked(logits: NDArray[np.float32], piece: NDArray[np.int64], nothing: NDArray[np.float32]) -> NDArray[np.float32]:
    words = logits[np.maximum(piece, 0)]
    words[piece < 0] = nothing
    return words
