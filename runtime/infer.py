"""Windows through an engine: logits for every word piece. Here batches are made, run and taken apart again.

It knows nothing of text, words or label names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.backends import Backend
from runtime.errors import BundleError
from runtime.pack import Frame, padded_batches
from runtime.windows import Windows

# Bounds of one padded batch. Beyond some thousand cells a CPU gains nothing and the activations leave its cache.
ROWS, CELLS = 32, 2048


def piece_logits(
    backend: Backend, ids: NDArray[np.int64], windows: Windows, frame: Frame, *, labels: int
) -> NDArray[np.float32]:
    """Logits of every word piece, each from the window that answers for it. [pieces, labels]

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
    for placed in padded_batches(ids, windows, frame, rows=ROWS, cells=CELLS):
        logits = backend.logits(placed.batch)
        expected = (*placed.batch.input_ids.shape, labels)
        if logits.shape != expected:
            found = f"logits of shape {logits.shape}, where {expected} was asked for"
            raise BundleError("graph", found, "export it again, with dynamic axes and this checkpoint's labels")
        pieces[placed.pieces] = logits.reshape(-1, labels)[placed.cells]
    return pieces
