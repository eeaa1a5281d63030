"""Groups of rows: which batches there are of so many rows, on one stream and on several."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.batch.grouping import groups


def sizes(rows: int, most: int, *, streams: int = 1, few_shapes: bool = False) -> list[int]:
    """Sizes of the groups, which hold every row once and in order."""
    found = list(groups(np.arange(rows), most, few_shapes=few_shapes, streams=streams))
    assert np.array_equal(np.concatenate([np.arange(0), *found]), np.arange(rows))
    return [len(group) for group in found]


@pytest.mark.parametrize(
    ("rows", "streams", "expected"),
    [
        (9, 1, [8, 1]),
        (8, 2, [8]),  # one batch, which may be all that a server has to run beside others
        (9, 2, [5, 4]),
        (15, 2, [8, 7]),
        (16, 2, [16]),
        (24, 2, [24]),
        (25, 2, [16, 5, 4]),
        (9, 16, [5, 4]),  # not nine batches of one row
        (16, 4, [4, 4, 4, 4]),
        (21, 4, [6, 5, 5, 5]),
    ],
)
def test_streams_are_busy_to_the_end(rows: int, streams: int, expected: list[int]) -> None:
    assert sizes(rows, 8, streams=streams) == expected


@pytest.mark.parametrize("streams", [1, 2, 3, 8, 96])
@pytest.mark.parametrize("most", [1, 2, 8])
def test_no_batch_is_larger_than_it_may_be_or_empty(most: int, streams: int) -> None:
    for rows in range(4 * most * streams):
        first, *rest = sizes(rows, most, streams=streams) or [0]
        assert all(0 < size <= most for size in rest)
        assert first <= most or first % most == 0


def test_a_library_that_meets_few_shapes_does_so_on_several_streams_too() -> None:
    assert sizes(87, 64, few_shapes=True, streams=2) == sizes(87, 64, few_shapes=True) == [64, 16, 7]
