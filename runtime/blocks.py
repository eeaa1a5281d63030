"""Logits for texts of any length in bounded memory: windows go through the engine block by block.

It knows nothing of text or label names, and nothing of how a block is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.backends import Backend
from runtime.infer import piece_logits
from runtime.pack import Frame
from runtime.windows import blocks_of, windows_of

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
