"""The two sizes."""

from __future__ import annotations

from bench.gpu import sizes
from bench.gpu.sizes import FOUR, NINE, SIZES


def test_nothing_is_timed_that_has_not_warmed_up() -> None:
    for size in SIZES.values():
        for plan in (size.minilm, size.large):
            # Two runs that are alike, and one before them at least.
            assert plan.warm_ups > 2
            assert plan.warm_up_seconds > 0


def test_the_estimate_of_the_shorter_one_adds_up_and_leaves_time() -> None:
    rows = [line.split("|")[1:4] for line in (sizes.__doc__ or "").splitlines() if line.startswith("| ")][1:]
    seconds = {name.strip(): int(now) for name, _, now in rows}
    whole = next(value for name, value in seconds.items() if name.startswith("all"))
    assert whole == sum(seconds.values()) - whole
    assert whole < FOUR.seconds - 10


def test_a_size_ends_within_its_minutes_and_the_larger_does_more() -> None:
    for minutes, size in SIZES.items():
        assert 0 < size.reserve < size.seconds < 60 * minutes
    assert NINE.certified > FOUR.certified
    assert NINE.minilm.sentences > FOUR.minilm.sentences
    assert NINE.thorough
    assert not FOUR.thorough
