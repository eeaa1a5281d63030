"""Two sides in turn, round by round, on the same texts: other work of the machine slows both down alike. Pure."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.integrations.sides import Comparison, Side

Clock = Callable[[], float]


def compared(
    comparison: Comparison, texts: Sequence[str], *, rounds: int, clock: Clock = time.perf_counter
) -> dict[str, Any]:
    """The row of a comparison: texts a second of each side (median of the rounds), and how many times as many ours is.

    The ratio is the median of the rounds' ratios; each round's stands beside it. Entities found stand in the row, too:
    a side that finds other things is not the same work.
    """
    sides = {"theirs": comparison.open_theirs(), "ours": comparison.open_ours()}
    for side in sides.values():
        side(texts[:32])
    timed = [{name: _timed(side, texts, clock) for name, side in sides.items()} for _ in range(rounds)]
    ratios = [each["theirs"][0] / each["ours"][0] for each in timed]
    return {
        "name": comparison.name,
        "theirs": comparison.theirs,
        "ours": comparison.ours,
        "texts": len(texts),
        "texts_per_second": {
            name: len(texts) / statistics.median(each[name][0] for each in timed) for name in ("theirs", "ours")
        },
        "entities": {name: timed[0][name][1] for name in ("theirs", "ours")},
        "times_as_fast": statistics.median(ratios),
        "rounds": ratios,
    }


def _timed(side: Side, texts: Sequence[str], clock: Clock) -> tuple[float, int]:
    """Seconds, and entities found."""
    begun = clock()
    found = side(texts)
    return clock() - begun, found
