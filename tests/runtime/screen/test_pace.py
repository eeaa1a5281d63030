"""How long the rest of a stage will take."""

from __future__ import annotations

import pytest

from runtime.screen.pace import Pace


@pytest.mark.parametrize(
    ("done", "now", "expected"),
    [
        (1, 20.0, "about 30 s left"),  # ten seconds a step, three of them to go
        (3, 40.0, "about 10 s left"),
        (4, 40.0, "about 0 s left"),
        (1, 310.0, "about 15 min left"),
        (5, 50.0, ""),  # more than there should be
    ],
)
def test_the_rest_at_the_same_pace(done: int, now: float, expected: str) -> None:
    pace = Pace(4, 10.0)
    assert pace.left(0, now) == ""  # nothing is done, so nothing can be said
    assert pace.left(done, now) == expected


def test_where_nobody_knows_how_many_steps_there_are() -> None:
    pace = Pace(0, 0.0)
    assert [pace.left(done, 9.0) for done in range(3)] == ["", "", ""]


def test_steps_that_a_run_before_had_done_took_no_time() -> None:
    pace = Pace(100, 0.0)
    assert pace.left(80, 40.0) == ""
    assert pace.left(90, 80.0) == "about 80 s left"
