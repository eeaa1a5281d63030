"""Windows through an engine: logits for every token. Here batches are made, run and taken apart again.

It knows nothing of text, words or label names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.batches import Placed, SpecialTokens, packed_batches, padded_batches
from runtime.batch.windows import Windows, blocks_of, in_context, windows_of
from runtime.concurrency import in_order
from runtime.errors import BackendError, BundleError


def token_logits(
    backend: Backend, ids: NDArray[np.int64], windows: Windows, special_tokens: SpecialTokens, *, labels: int
) -> NDArray[np.float32]:
    """Logits of every token, each from the window that answers for it. [tokens, labels]

    Batches run on as many threads as the backend has streams. What comes out does not depend on which runs when.

    Args:
        backend: the engine.
        ids: tokens of all texts, flat. [tokens]
        windows: cut from them.
        special_tokens: special tokens around each window.
        labels: how many labels the checkpoint has.

    Raises:
        BackendError: the engine refused a batch.
        BundleError: its logits are not of the shape asked for.
    """
    tokens = np.empty((len(ids), labels), np.float32)

    def answer(placed: Placed) -> None:
        # Each token is answered for by one batch, so that no two threads write to one place.
        tokens[placed.tokens] = _checked(backend.logits(placed.batch), placed, labels)[placed.slots]

    for _ in in_order(answer, batches(backend, ids, windows, special_tokens), workers=backend.streams):
        pass
    return tokens


def batches(
    backend: Backend, ids: NDArray[np.int64], windows: Windows, special_tokens: SpecialTokens
) -> Iterator[Placed]:
    """Windows in batches as the backend wants them; piece_logits says what the arguments are."""
    want = backend.packing
    if backend.layout == "padded":
        rows, slots = want.padded_rows, want.padded_slots
        return padded_batches(
            ids, windows, special_tokens, rows=rows, slots=slots, lengths=want.lengths, align=want.align
        )
    shortest, trim = want.shortest, not want.lengths
    return packed_batches(
        ids, windows, special_tokens, shortest=shortest, slots=want.slots, trim=trim, align=want.align
    )


def _checked(logits: NDArray[np.float32], placed: Placed, labels: int) -> NDArray[np.float32]:
    """Logits of each token slot, [slots, labels]."""
    expected = (*placed.batch.input_ids.shape, labels)
    if logits.shape != expected:
        problem = f"logits of shape {logits.shape}, where {expected} was asked for"
        raise BundleError("graph", problem, "export it again, with dynamic axes and this checkpoint's labels")
    return logits.reshape(-1, labels)


# Tokens of a block: more than a chunk of sentences has, so that those share batches; 2 MB of logits.
TOKENS = 65_536


@dataclass(frozen=True, slots=True)
class Engine:
    """A backend, and how texts are cut for it.

    Attributes:
        backend: runs the batches.
        special_tokens: special tokens around each window.
        capacity: most tokens of a window, special ones not included.
        stride: tokens that neighbouring windows share.
        context: tokens of its text that a sentence is read with on each side.
        labels: how many labels the checkpoint has.
        about: what runs, for errors.
    """

    backend: Backend
    special_tokens: SpecialTokens
    capacity: int
    stride: int
    context: int
    labels: int
    about: str = "the backend"

    def token_blocks(
        self, ids: NDArray[np.int64], text_start: NDArray[np.int64], sentence_start: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Logits of all tokens, in order and in blocks: (number of the block's first token, [tokens, labels]).

        Args:
            ids: tokens of all texts, flat. [tokens]
            text_start: where each text's tokens start, and, last, where all end. [texts + 1]
            sentence_start: the same of what is read by itself. [sentences + 1]
        """
        windows = windows_of(sentence_start, capacity=self.capacity, stride=self.stride)
        if self.context:
            windows = in_context(windows, text_start, capacity=self.capacity, context=self.context)
        for block in blocks_of(windows, tokens=TOKENS):
            read = ids[block.start : block.end]
            logits = token_logits(self.backend, read, block.windows, self.special_tokens, labels=self.labels)
            kept = logits[block.keep_start - block.start : block.keep_end - block.start]
            _check_finite(kept, block.keep_start, text_start, self.about)
            yield block.keep_start, kept


def _check_finite(logits: NDArray[np.float32], first: int, text_start: NDArray[np.int64], about: str) -> None:
    """Refuse answers that are no numbers: the label of the largest of them would be chance.

    Raises:
        BackendError: a logit is NaN or infinite.
    """
    if np.isfinite(logits).all():
        return
    token = first + int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
    text = int(np.searchsorted(text_start, token, side="right"))
    problem = (
        f"logits that are not finite (NaN or infinity), first in text {text} of {len(text_start) - 1} run together"
    )
    raise BackendError(about, problem, "certify the bundle again; if it passes, report this with the text")


def word_blocks(
    tokens: Iterable[tuple[int, NDArray[np.float32]]], first_token: NDArray[np.int64], nothing: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    """Logits of each word's first token, in order and in blocks. [words, labels]

    Args:
        tokens: logits of all tokens, in order and in blocks, each with the number of its first token.
        first_token: the first token of each word, or -1 for a word that has none. [words]
        nothing: the logits of such a word. [labels]
    """
    # A word without a token goes with the word before it.
    reached = np.maximum.accumulate(first_token)
    done = 0
    for start, logits in tokens:
        stop = int(np.searchsorted(reached, start + len(logits), side="left"))
        yield _picked(logits, first_token[done:stop] - start, nothing)
        done = stop
    if done < len(first_token):
        yield np.tile(nothing, (len(first_token) - done, 1))


def _picked(logits: NDArray[np.float32], token: NDArray[np.int64], nothing: NDArray[np.float32]) -> NDArray[np.float32]:
    words = logits[np.maximum(token, 0)]
    words[token < 0] = nothing
    return words
