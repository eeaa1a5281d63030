"""A short text's windows are placed in one row as packed_batches places them, or not at all."""

from __future__ import annotations

import random

import numpy as np
import pytest

from runtime.batch.batches import SpecialTokens, packed_batches
from runtime.batch.ragged import starts_from_counts
from runtime.batch.short_rows import row_of
from runtime.batch.windows import windows_of

SPECIAL = SpecialTokens((101,), (102, 103))


@pytest.mark.parametrize("align", [1, 4, 16])
def test_the_row_is_the_one_that_many_windows_would_share(align: int) -> None:
    source = random.Random(align)
    single = several = 0
    for _ in range(400):
        counts = [source.choice((1, 2, 3, 7, 20, 70)) for _ in range(source.randint(2, 6))]
        tokens = [[source.randint(0, 99) for _ in range(count)] for count in counts]
        ids = np.array([token for each in tokens for token in each])
        windows = windows_of(starts_from_counts(counts), capacity=100, stride=0)
        placed = [*packed_batches(ids, windows, SPECIAL, shortest=64, slots=512, trim=True, align=align)]
        found = row_of([[*SPECIAL.prefix, *each, *SPECIAL.suffix] for each in tokens], shortest=64, align=align)
        if found is None:
            several += 1
            assert len(placed) > 1 or len(placed[0].batch.input_ids) > 1
            continue
        single += 1
        [expected] = placed
        batch, columns = found
        for name in ("input_ids", "segment_ids", "position_ids"):
            np.testing.assert_array_equal(getattr(batch, name), getattr(expected.batch, name))
            assert getattr(batch, name).dtype == np.int64
        slots = [column + 1 + place for column, count in zip(columns, counts) for place in range(count)]
        assert slots == expected.slots[np.argsort(expected.tokens)].tolist()
    assert single > 50
    assert several > 50


def test_one_window_is_a_row_by_itself() -> None:
    found = row_of([[101, 7, 102]], shortest=64, align=1)
    assert found is not None
    assert found[0].input_ids.tolist() == [[101, 7, 102]]
    assert found[1] == [0]
