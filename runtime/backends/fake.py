"""Fake: a backend without a model, for tests, and for measuring everything around the model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from runtime.batch.batches import ON_CPU, Batch, Packing
from runtime.bundle.store import Device, Layout

Rule = Callable[[NDArray[np.int64]], NDArray[np.int64]]


class Fake:
    """A Backend whose label for a token is a function of the token's id: its logit is 5, all others are 0.

    Args:
        labels: number of labels.
        rule: token ids -> label indices, element by element.
        layout, streams, packing: see Backend.

    Attributes:
        shapes: (rows, length) of every batch that it ran, in order.
        closed: whether `close` was called.
    """

    device: Device = "cpu"
    version = "0"

    def __init__(
        self,
        labels: int,
        rule: Rule,
        *,
        layout: Layout = "padded",
        streams: int = 1,
        packing: Packing = ON_CPU,
    ) -> None:
        self.layout: Layout = layout
        self.packing = packing
        self.streams = streams
        self.shapes: list[tuple[int, ...]] = []
        self.closed = False
        self._labels, self._rule = labels, rule

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See runtime.backends.base.Backend."""
        self.shapes.append(batch.input_ids.shape)
        chosen = self._rule(batch.input_ids)[..., None] == np.arange(self._labels)
        return np.where(chosen, np.float32(5), np.float32(0))

    def close(self) -> None:
        """See runtime.backends.base.Backend."""
        self.closed = True
