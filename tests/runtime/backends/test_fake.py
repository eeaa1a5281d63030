"""The fake does what its rule says, and remembers what it was given."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.backends.base import Backend
from runtime.backends.fake import Fake
from runtime.batch.batches import Batch, Packing
from runtime.bundle.store import Layout


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_a_token_has_the_label_that_the_rule_gives_its_id(layout: Layout) -> None:
    fake = Fake(4, lambda ids: ids % 4, layout=layout, streams=3, packing=Packing(slots=7))
    backend: Backend = fake
    ids = np.array([[5, 2, 8], [3, 3, 0]])
    logits = backend.logits(Batch(ids, np.zeros_like(ids), np.zeros_like(ids)))
    assert logits.dtype == np.float32
    assert logits.shape == (2, 3, 4)
    assert np.array_equal(logits.argmax(axis=2), ids % 4)
    assert set(np.unique(logits).tolist()) == {0, 5}
    assert (backend.layout, backend.streams, backend.packing.slots, backend.device) == (layout, 3, 7, "cpu")


def test_it_remembers_shapes_and_its_end() -> None:
    fake = Fake(2, np.zeros_like)
    for rows, length in ((1, 8), (4, 2)):
        empty = np.zeros((rows, length), np.int64)
        fake.logits(Batch(empty, empty, empty))
    assert (fake.shapes, fake.closed) == ([(1, 8), (4, 2)], False)
    fake.close()
    assert fake.closed
