"""How sure a ratio of two speeds is. Pure.

Two intervals for each ratio, both at 95%:

- `low, high`: bootstrap of the ratio of medians, for this one comparison. Rounds are drawn together for both systems,
  since whatever disturbed the machine in a round disturbed both.
- `table_low, table_high`: Student's t on the logarithms, at 95% for FAMILY comparisons at once (Bonferroni). A table
  makes a dozen comparisons; at 95% each, every second table would call two equal systems different. The bootstrap of
  a handful of rounds is too narrow as well: it cannot leave the range of what was seen.

A system is called faster or slower only if neither interval holds 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
FAMILY = 20
RESAMPLES = 5_000
# Least standard deviation of the logarithm of a ratio in one round. Rounds of the same two processes cannot see what
# differs from process to process (where memory and threads happen to lie): a percent is allowed for it.
NOISE = 0.01
_SEED = 20
# Steps of the integral below; its error is far under what a printed figure shows.
_STEPS = 20_001
_FAR = 700.0


@dataclass(frozen=True, slots=True)
class Ratio:
    """One speed as a multiple of another.

    Attributes:
        value: ratio of the medians.
        low, high: its 95% bootstrap interval.
        table_low, table_high: the 95% interval for all comparisons of a table at once.
    """

    value: float
    low: float
    high: float
    table_low: float
    table_high: float

    @property
    def verdict(self) -> str:
        """ "faster", "slower", or "no difference shown"."""
        if min(self.low, self.table_low) > 1:
            return "faster"
        return "slower" if max(self.high, self.table_high) < 1 else "no difference shown"


def paired_ratio(speed: Sequence[float], other: Sequence[float]) -> Ratio:
    """speed / other, measured in the same rounds.

    Args:
        speed, other: by round, both of the same rounds.
    """
    ours, theirs = np.array(speed), np.array(other)
    rounds = len(ours)
    drawn = np.random.default_rng(_SEED).integers(0, rounds, (RESAMPLES, rounds))
    ratios = np.median(ours[drawn], axis=1) / np.median(theirs[drawn], axis=1)
    logs = np.log(ours / theirs)
    error = max(logs.std(ddof=1), NOISE) / np.sqrt(rounds) if rounds > 1 else np.inf
    return _ratio(np.median(ours) / np.median(theirs), ratios, logs.mean(), error, rounds - 1)


def unpaired_ratio(speed: Sequence[float], other: Sequence[float]) -> Ratio:
    """speed / other, measured at different times: each is drawn for itself (Welch's t for the second interval)."""
    ours, theirs = np.array(speed), np.array(other)
    source = np.random.default_rng(_SEED)
    ratios = _medians(ours, source) / _medians(theirs, source)
    if min(len(ours), len(theirs)) < 2:
        return _ratio(np.median(ours) / np.median(theirs), ratios, 0.0, np.inf, 0)
    one, two = (max(np.log(side).var(ddof=1), NOISE**2 / 2) / len(side) for side in (ours, theirs))
    # Welch and Satterthwaite's degrees of freedom.
    freedom = (one + two) ** 2 / (one**2 / (len(ours) - 1) + two**2 / (len(theirs) - 1))
    centre = np.log(ours).mean() - np.log(theirs).mean()
    return _ratio(np.median(ours) / np.median(theirs), ratios, centre, np.sqrt(one + two), freedom)


def student_quantile(probability: float, freedom: float) -> float:
    """t such that a Student variable lies within -t and t with that probability.

    With t = sqrt(freedom) tan(a) the density becomes cos(a) ** (freedom - 1) on -pi/2 to pi/2, which sums easily.
    """
    angles = np.linspace(0, np.pi / 2, _STEPS)
    density = np.cos(angles) ** (freedom - 1)
    inside = np.concatenate([[0], np.cumsum(density[1:] + density[:-1])])
    angle = float(np.interp(probability, inside / inside[-1], angles))
    return float(np.sqrt(freedom) * np.tan(angle))


def _medians(values: NDArray[np.float64], source: np.random.Generator) -> NDArray[np.float64]:
    drawn = source.integers(0, len(values), (RESAMPLES, len(values)))
    medians: NDArray[np.float64] = np.median(values[drawn], axis=1)
    return medians


def _ratio(value: float, ratios: NDArray[np.float64], centre: float, error: float, freedom: float) -> Ratio:
    low, high = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    # One round says nothing of how much rounds differ.
    known = np.isfinite(error) and freedom > 0
    reach = student_quantile(1 - (1 - CONFIDENCE) / FAMILY, freedom) * error if known else np.inf
    # The far tails of two rounds reach beyond what a float holds, and JSON has no infinity.
    table_low, table_high = np.exp(np.clip([centre - reach, centre + reach], -_FAR, _FAR)).tolist()
    return Ratio(float(value), low, high, table_low, table_high)
