"""Windows through an engine: logits for every word piece. Here batches are made, run and taken apart again.

It knows nothing of text, words or label names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime.backends import Backend
from runtime.errors import BundleError
from runtime.pack import Frame, Placed, packed_batches, padded_batches
from runtime.windows import Windows

if TYPE_CHECKING:
    from concurrent.futures import Future

Given = TypeVar("Given")
Answer = TypeVar("Answer")


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


def in_order(function: Callable[[Given], Answer], given: Iterable[Given], *, workers: int) -> Iterator[Answer]:
    """function(each) for each, in order, on that many threads; the first error ends it, after the answers before.

    Args:
        function: called on several threads at once.
        given: read from the calling thread alone, up to three for each worker ahead of what was asked for.
        workers: threads. 1 needs none: each is then read only when it is asked for.
    """
    source = iter(given)
    first = list(islice(source, 2)) if workers > 1 else []
    if len(first) < 2:
        yield from map(function, chain(first, source))
        return
    from concurrent.futures import ThreadPoolExecutor  # not at the top: a single text is answered without it

    pending: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for each in chain(first, source):
                pending.append(pool.submit(function, each))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


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
