"""A request that ran a shape is given to the next batch of that shape; no more are out than may be."""

from __future__ import annotations

import threading

import pytest

from runtime.backends.openvino_shapes import Requests, worth_it
from tests.waiting import PATIENCE

SMALL, LARGE, OTHER = (1, 16), (8, 64), (1, 48)


def _taken(requests: Requests, shape: tuple[int, ...]) -> str:
    return requests.run(shape, str)


def test_a_shape_meets_the_request_that_ran_it_last() -> None:
    requests = Requests(["a", "b", "c"], calls=2)
    assert [_taken(requests, shape) for shape in (SMALL, LARGE, SMALL, LARGE, OTHER)] == ["a", "b", "a", "b", "c"]
    # A fourth shape takes the one that was not used for longest.
    assert _taken(requests, (1, 32)) == "a"
    assert _taken(requests, LARGE) == "b"
    assert _taken(requests, SMALL) == "c"


def test_callers_of_the_same_shape_get_requests_of_their_own() -> None:
    requests = Requests(["a", "b", "c"], calls=2)
    pairs = requests.run(SMALL, lambda first: requests.run(SMALL, lambda second: (first, second)))
    assert len({*pairs}) == 2


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]])
def test_no_more_are_out_than_may_be(names: list[str]) -> None:
    requests = Requests(names, calls=1)
    came = threading.Event()
    thread = threading.Thread(target=lambda: requests.run(LARGE, lambda _: came.set()))

    def work(request: str) -> None:
        thread.start()
        assert not came.wait(0.05)

    requests.run(SMALL, work)
    thread.join(PATIENCE)
    assert came.is_set()


def test_small_bundles_on_few_streams_get_copies() -> None:
    assert worth_it(4, streams=2, graph_bytes=104_000_000) == 4
    assert worth_it(4, streams=8, graph_bytes=104_000_000) == 0
    assert worth_it(4, streams=2, graph_bytes=500_000_000) == 0
    assert worth_it(0, streams=1, graph_bytes=1) == 0
