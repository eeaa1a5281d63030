"""The order of the training sentences in each epoch: a pure function of seed and epoch, so that a run can resume."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_POOL_BATCHES = 50
"""Batches whose sentences are sorted together: enough for little padding, few enough that batches vary by epoch."""


class EpochOrder:
    """Sampler of sentence numbers for a DataLoader, which the Trainer tells the epoch by set_epoch."""

    def __init__(self, lengths: Sequence[int], *, batch: int, seed: int, grouped: bool) -> None:
        self._lengths, self._batch, self._seed, self._grouped = lengths, batch, seed, grouped
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next iteration is of, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(
            epoch_order(self._lengths, batch=self._batch, seed=self._seed, epoch=self._epoch, grouped=self._grouped)
        )


def epoch_order(lengths: Sequence[int], *, batch: int, seed: int, epoch: int, grouped: bool) -> list[int]:
    """A permutation of the sentences; cut into runs of `batch`, these are the epoch's batches.

    Args:
        lengths: tokens of each sentence. [sentences]
        batch: sentences in a batch.
        seed: of the run.
        epoch: from 0.
        grouped: let the sentences of a batch be of like length; the batches themselves are in random order.
    """
    chance = random.Random(f"{seed}/{epoch}")
    order = list(range(len(lengths)))
    chance.shuffle(order)
    if not grouped:
        return order
    pool = batch * _POOL_BATCHES
    pools = [sorted(order[start : start + pool], key=lengths.__getitem__) for start in range(0, len(order), pool)]
    batches = [part[start : start + batch] for part in pools for start in range(0, len(part), batch)]
    # A batch that is not full must stay last, or it would shift the borders of those after it.
    rest = [batches.pop()] if len(batches[-1]) < batch else []
    chance.shuffle(batches)
    return [number for numbers in batches + rest for number in numbers]
