"""The two sizes."""

from __future__ import annotations

from bench.gpu.sizes import FOUR, NINE, SIZES


def test_a_size_ends_within_its_minutes_and_the_larger_does_more() -> None:
    for minutes, size in SIZES.items():
        assert 0 < size.reserve < size.seconds < 60 * minutes
    assert NINE.certified > FOUR.certified
    assert NINE.minilm.sentences > FOUR.minilm.sentences
    assert NINE.thorough
    assert not FOUR.thorough
