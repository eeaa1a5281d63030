"""A comparison's row is what its clock and its sides say."""

from __future__ import annotations

from collections.abc import Sequence

from bench.integrations.measure import compared
from bench.integrations.sides import Comparison, Side


class Time:
    """A clock that the sides move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def side(self, seconds_a_text: float, found: int) -> Side:
        def run(texts: Sequence[str]) -> int:
            self.now += seconds_a_text * len(texts)
            return found

        return run


def test_ratio_and_speeds() -> None:
    time = Time()
    comparison = Comparison("x", "slow", "fast", lambda: time.side(0.5, 7), lambda: time.side(0.125, 8))
    row = compared(comparison, ["text"] * 100, rounds=3, clock=time)
    assert row["times_as_fast"] == 4
    assert row["texts_per_second"] == {"theirs": 2.0, "ours": 8.0}
    assert (row["entities"], len(row["rounds"])) == ({"theirs": 7, "ours": 8}, 3)
