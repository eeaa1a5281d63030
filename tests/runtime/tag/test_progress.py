"""The progress line: share, rate and remaining time, on a terminal alone."""

from __future__ import annotations

import io

from runtime.tag.progress import Progress


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_says_share_rate_and_remaining_time() -> None:
    times = iter([0.0, 0.0, 10.0])
    screen = _Screen()
    progress = Progress(1000, wanted=True, file=screen, clock=lambda: next(times))
    progress.update(50, 0)
    progress.update(50, 250)
    assert screen.getvalue().endswith("25% [######                  ] 100 texts  10/s  0:30 left")
    progress.clear()
    quiet = io.StringIO()
    for other in (Progress(0, wanted=True, file=quiet), Progress(0, wanted=False, file=_Screen())):
        other.update(1, 1)
        other.clear()
    assert quiet.getvalue() == ""


def test_an_earlier_runs_work_does_not_count_as_speed() -> None:
    times = iter([0.0, 5.0, 15.0])
    screen = _Screen()
    progress = Progress(1000, wanted=True, file=screen, clock=lambda: next(times))
    progress.update(0, 600)
    progress.update(100, 800)
    assert screen.getvalue().endswith("80% [###################     ] 100 texts  10/s  0:10 left")


def test_without_a_size_there_is_a_rate_and_no_share() -> None:
    times = iter([0.0, 0.0, 0.05, 7300.0])
    screen = _Screen()
    progress = Progress(0, wanted=True, file=screen, clock=lambda: next(times))
    for _ in range(3):
        progress.update(7300, 0)
    assert screen.getvalue() == "\r\x1b[K21,900 texts  3/s"
    progress.clear()
    assert screen.getvalue().endswith("\r\x1b[K")
