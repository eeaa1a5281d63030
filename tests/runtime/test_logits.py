"""Logits of tokens: on many threads or one, in whatever batches, the same answers in the same places."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.batch.batches import Batch, SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import Windows, windows_of
from runtime.bundle.store import Layout
from runtime.errors import BackendError, BundleError
from runtime.logits import token_logits

_LABELS = 5
_SPECIAL_TOKENS = SpecialTokens((0,), (0,))


def by_id(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The label of a token."""
    return ids % _LABELS


def texts() -> tuple[NDArray[np.int64], Windows]:
    """Many texts, some longer than a window."""
    chance = np.random.default_rng(0)
    starts = starts_from_counts(chance.integers(1, 90, 300))
    return chance.integers(0, 1000, int(starts[-1])), windows_of(starts, capacity=62, stride=20)


class Tired(Fake):
    """Takes its time with every second call, so that calls end in another order than they begin."""

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        time.sleep(0.002 * (len(self.shapes) % 2))
        return super().logits(batch)


class Broken(Fake):
    """Refuses its third batch."""

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        if len(self.shapes) == 2:
            raise BackendError("backend", "it is broken", "fix it")
        return super().logits(batch)


@pytest.mark.parametrize("layout", ["padded", "packed"])
@pytest.mark.parametrize("streams", [1, 2, 5])
def test_every_token_gets_its_own_answer(layout: Layout, streams: int) -> None:
    ids, windows = texts()
    backend = Tired(_LABELS, by_id, layout=layout, streams=streams)
    logits = token_logits(backend, ids, windows, _SPECIAL_TOKENS, labels=_LABELS)
    assert np.array_equal(logits.argmax(axis=1), by_id(ids))
    assert len(backend.shapes) > 5


@pytest.mark.parametrize("streams", [1, 3])
def test_refused_batch_ends_it(streams: int) -> None:
    ids, windows = texts()
    with pytest.raises(BackendError, match="it is broken"):
        token_logits(
            Broken(_LABELS, by_id, layout="packed", streams=streams), ids, windows, _SPECIAL_TOKENS, labels=_LABELS
        )


def test_logits_of_another_shape_are_refused() -> None:
    ids, windows = texts()
    with pytest.raises(BundleError, match=r"where \(.*, 4\) is expected"):
        token_logits(Fake(_LABELS, by_id), ids, windows, _SPECIAL_TOKENS, labels=4)


def test_no_tokens_need_no_backend() -> None:
    nothing = np.zeros(0, np.int64)
    backend = Fake(_LABELS, by_id, layout="packed", streams=2)
    windows = windows_of(np.zeros(1, np.int64), capacity=62, stride=0)
    assert token_logits(backend, nothing, windows, _SPECIAL_TOKENS, labels=_LABELS).shape == (0, _LABELS)
    assert backend.shapes == []
