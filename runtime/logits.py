"""Logits of every token: windows are put into batches, a backend runs them, and the logits are put back in order.

The module does not know text, words or label names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.batches import Batch, Placed, SpecialTokens, packed_batches, padded_batches
from runtime.batch.repeats import Repeats
from runtime.batch.windows import Windows, blocks_of, in_context, windows_of
from runtime.concurrency import in_order
from runtime.errors import BackendError, BundleError


def token_logits(
    backend: Backend, ids: NDArray[np.int64], windows: Windows, special_tokens: SpecialTokens, *, labels: int
) -> NDArray[np.float32]:
    """Logits of every token, each from the window that answers for it. [tokens, labels]

    Batches run on as many threads as the backend has streams; the result does not depend on their order.

    Args:
        backend: runs the batches.
        ids: token ids of all texts, one text after another. [tokens]
        windows: the windows that these tokens are cut into.
        special_tokens: the tokens before and after each window.
        labels: number of labels of the checkpoint.

    Raises:
        BackendError: the backend refused a batch.
        BundleError: the graph's logits have another shape than [rows, length, labels].
    """
    tokens = np.empty((len(ids), labels), np.float32)

    def answer(placed: Placed) -> None:
        # Exactly one batch answers for each token, so no two threads write to the same place and no lock is needed.
        tokens[placed.tokens] = _checked(backend.logits(placed.batch), placed, labels).take(placed.slots, axis=0)

    for _ in in_order(answer, batches(backend, ids, windows, special_tokens), workers=backend.streams):
        pass
    return tokens


def batches(
    backend: Backend, ids: NDArray[np.int64], windows: Windows, special_tokens: SpecialTokens
) -> Iterator[Placed]:
    """Batches of windows, of the layout and sizes that the backend asks for; see token_logits for the arguments."""
    want = backend.packing
    if backend.layout == "padded":
        rows, slots = want.padded_rows, want.padded_slots
        return padded_batches(
            ids, windows, special_tokens, rows=rows, slots=slots, lengths=want.lengths, align=want.align
        )
    shortest, trim = want.shortest, not want.lengths
    return packed_batches(
        ids,
        windows,
        special_tokens,
        shortest=shortest,
        slots=want.slots,
        trim=trim,
        align=want.align,
        streams=backend.streams,
    )


def _checked(logits: NDArray[np.float32], placed: Placed, labels: int) -> NDArray[np.float32]:
    """Logits of each token slot. [slots, labels]"""
    check_shape(logits, placed.batch, labels)
    return logits.reshape(-1, labels)


def check_shape(logits: NDArray[np.float32], batch: Batch, labels: int) -> None:
    """Refuse logits of another shape than [rows, length, labels].

    Raises:
        BundleError: see token_logits.
    """
    # A third-party graph may have fixed axes or another head; a wrong shape must not be broadcast into an answer.
    expected = (*batch.input_ids.shape, labels)
    if logits.shape != expected:
        problem = f"its logits have the shape {logits.shape}, where {expected} is expected"
        raise BundleError("graph", problem, "export it again, with dynamic axes and this checkpoint's labels")


# Tokens of a block. A chunk of sentences has fewer, so that all of them share batches; the logits take 2 MB.
TOKENS = 65_536


@dataclass(frozen=True, slots=True)
class BatchRunner:
    """A backend with the sizes of the windows that texts are cut into for it.

    Attributes:
        backend: runs the batches.
        special_tokens: the tokens before and after each window.
        capacity: largest number of tokens in a window, special tokens not counted.
        stride: number of tokens that neighboring windows share.
        context: number of tokens of its text that a sentence is read with on each side; 0: none.
        labels: number of labels of the checkpoint.
        about: name of what runs, for errors.
        repeats: the logits of windows that may come again.
    """

    backend: Backend
    special_tokens: SpecialTokens
    capacity: int
    stride: int
    context: int
    labels: int
    about: str = "the backend"
    repeats: Repeats = field(default_factory=lambda: Repeats(0))

    def token_blocks(
        self, ids: NDArray[np.int64], text_start: NDArray[np.int64], sentence_start: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Logits of all tokens, block by block: pairs of the number of the block's first token and [tokens, labels].

        Args:
            ids: token ids of all texts, one text after another. [tokens]
            text_start: number of each text's first token, and the number of all tokens. [texts + 1]
            sentence_start: the same of each sentence, or of each text where texts are read whole. [sentences + 1]
        """
        windows = windows_of(sentence_start, capacity=self.capacity, stride=self.stride)
        if self.context:
            windows = in_context(windows, text_start, capacity=self.capacity, context=self.context)
        # By blocks, because the logits of all tokens of a very long text need not be in memory at once.
        for block in blocks_of(windows, tokens=TOKENS):
            read = ids[block.start : block.end]
            run = partial(token_logits, self.backend, read, special_tokens=self.special_tokens, labels=self.labels)
            logits = self.repeats.logits(read, block.windows, run)
            kept = logits[block.keep_start - block.start : block.keep_end - block.start]
            check_finite(kept, block.keep_start, text_start, self.about)
            yield block.keep_start, kept


def all_finite(logits: NDArray[np.float32]) -> bool:
    """Whether every logit is a number; for a single text, whose time shows what NumPy's own `all` costs besides."""
    return b"\0" not in np.isfinite(logits).tobytes()


def check_finite(logits: NDArray[np.float32], first: int, text_start: NDArray[np.int64], about: str) -> None:
    """Refuse answers that are no numbers: the label of the largest of them would be chance.

    Args:
        logits: of some tokens. [tokens, labels]
        first: number of the first of them.
        text_start: number of each text's first token, and the number of all tokens. [texts + 1]
        about: name of what ran, for the error.

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
    """Logits of each word's first token, block by block. [words, labels]

    Args:
        tokens: blocks of token logits, as BatchRunner.token_blocks gives them.
        first_token: number of each word's first token; -1 for a word that the tokenizer turns into nothing. [words]
        nothing: the logits of a word without tokens. [labels]
    """
    # A word without tokens has no place of its own: it comes with the word before it.
    reached = np.maximum.accumulate(first_token)
    done = 0
    for start, logits in tokens:
        stop = int(np.searchsorted(reached, start + len(logits), side="left"))
        yield _picked(logits, first_token[done:stop] - start, nothing)
        done = stop
    # Words without tokens at the very end, or all words where there is no token at all.
    if done < len(first_token):
        yield np.tile(nothing, (len(first_token) - done, 1))


def _picked(logits: NDArray[np.float32], token: NDArray[np.int64], nothing: NDArray[np.float32]) -> NDArray[np.float32]:
    words = logits[np.maximum(token, 0)]
    words[token < 0] = nothing
    return words
