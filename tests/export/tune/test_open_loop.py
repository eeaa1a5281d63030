"""The open loop, on a clock of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from export.tune.open_loop import open_loop, poisson
from tests.bench.fakes import Clock


def test_arrivals_are_seeded_and_of_the_rate() -> None:
    due = poisson(50, 100, seed=1)
    assert due == poisson(50, 100, seed=1) != poisson(50, 100, seed=2)
    assert due == sorted(due)
    assert len(due) == pytest.approx(5000, rel=0.05)


def test_latency_counts_from_due_and_not_from_begun() -> None:
    clock = Clock()
    calls: list[int] = []

    def tag(texts: Sequence[str]) -> None:
        calls.append(len(texts))
        clock.now += 1.0

    found = open_loop(tag, ["a", "b"], [0.0, 0.1, 0.2, 5.0], batch=2, clock=clock, sleep=clock.sleep)
    # The first works alone; the next two have waited and share a call; the last finds nobody before it.
    assert calls == [1, 2, 1]
    assert found == pytest.approx([1.0, 1.9, 1.8, 1.0])


def test_a_queue_that_only_grows_is_left_at_some_time() -> None:
    clock = Clock()

    def tag(_: Sequence[str]) -> None:
        clock.now += 1.0

    due = [each / 100 for each in range(1000)]
    found = open_loop(tag, ["a"], due, batch=10, clock=clock, sleep=clock.sleep, longest=30.0)
    assert len(found) == 301  # the first is alone, and a call that began in time is waited for
    assert found[-1] == pytest.approx(31 - due[300])


def test_a_batch_is_never_larger_than_allowed() -> None:
    clock = Clock()
    calls: list[int] = []

    def tag(texts: Sequence[str]) -> None:
        calls.append(len(texts))
        clock.now += 1.0

    open_loop(tag, ["a"], [0.0] * 7, batch=3, clock=clock, sleep=clock.sleep)
    assert calls == [3, 3, 1]
