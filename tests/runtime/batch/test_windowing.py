"""What can be asked about long texts, and what is refused."""

from __future__ import annotations

import pytest

from runtime.batch.windowing import DEFAULT_WINDOWING, Windowing
from runtime.errors import UsageError


def test_windows_share_half_unless_told_otherwise() -> None:
    assert DEFAULT_WINDOWING.overlap(510) == 255
    assert DEFAULT_WINDOWING.overlap(1) == 0
    assert Windowing(stride=7).overlap(8) == 7


@pytest.mark.parametrize("stride", [-1, 8, 100])
def test_a_stride_leaves_a_window_something_of_its_own(stride: int) -> None:
    with pytest.raises(UsageError, match=rf"stride: {stride}; give 0 to 7, fewer tokens than a window has"):
        Windowing(stride=stride).overlap(8)


@pytest.mark.parametrize(
    ("asked", "settled"),
    [
        (Windowing(), Windowing(policy="sentences")),
        (Windowing(policy="windows"), Windowing(policy="windows")),
        (Windowing(context=5), Windowing(policy="context", context=5)),
        (Windowing(policy="context"), Windowing(policy="context")),
    ],
)
def test_what_is_asked_for_comes_before_what_was_measured(asked: Windowing, settled: Windowing) -> None:
    assert asked.settled("sentences") == settled


def test_a_context_that_was_measured_is_taken_where_none_is_asked_for() -> None:
    assert Windowing().settled("context", context=32) == Windowing(policy="context", context=32)
    assert Windowing(policy="context").settled("context", context=32).neighbors == 32
    assert Windowing(context=5).settled("context", context=32).neighbors == 5
    assert Windowing(policy="windows").settled("context", context=32).neighbors == 0
    assert Windowing(policy="context").neighbors == 64


def test_there_are_two_ways_to_meet_a_long_text() -> None:
    with pytest.raises(UsageError, match="long texts: unknown: 'foo'; choose one of split, error"):
        Windowing(long="foo")  # type: ignore[arg-type]
