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


def test_there_are_two_ways_to_meet_a_long_text() -> None:
    with pytest.raises(UsageError, match="long texts: unknown: 'foo'; choose one of split, error"):
        Windowing(long="foo")  # type: ignore[arg-type]
