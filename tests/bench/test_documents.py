"""The table of what bounds the speed of documents: the baseline's best, and ratios round by round."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.documents import ALONE, CUT, WHOLE, WINDOWS, block, main, table
from runtime.errors import UsageError


def _way(name: str, seconds: float) -> dict[str, object]:
    rounds = [seconds, seconds * 1.1, seconds * 0.9]
    return {"name": name, "tokens": 1000, "seconds": rounds, "cpu": [2 * each for each in rounds]}


RESULT = {
    "machine": {"cpu": "a CPU", "load_average": [0.5, 1, 1], "commit": "0123456789abcdef"},
    "threads": 2,
    "rounds": 3,
    "ways": [
        _way(WHOLE, 0.10),
        _way(ALONE, 0.08),
        _way(f"{WINDOWS}, rows of 1", 0.20),
        _way(f"{WINDOWS}, rows of 8", 0.40),
        _way(f"{CUT}, rows of 1", 0.50),
        _way(f"{CUT}, rows of 8", 0.25),
    ],
}


def test_the_baseline_is_given_its_best() -> None:
    rows = {row[0]: row[1:] for row in table(RESULT).rows}
    assert list(rows) == [WHOLE, ALONE, f"{WINDOWS}, rows of 1", f"{CUT}, rows of 8"]
    assert rows[WHOLE] == ("10,000", "2.00 [2.00, 2.00] (2.00 [2.00, 2.00])", "2.50 [2.50, 2.50] (2.50 [2.50, 2.50])")
    assert rows[ALONE][1].startswith("2.50 ")
    assert "load when they began: 0.5" in block(RESULT, Path("x.json"))


def test_without_a_bundle_there_is_nothing_to_measure() -> None:
    with pytest.raises(UsageError, match="give BUNDLE and --corpus"):
        main([])
