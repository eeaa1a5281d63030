"""Confidence intervals of a ratio of two speeds, and of a median. Pure functions.

Two intervals for each ratio, both at 95%:

- `low, high`: bootstrap of the ratio of medians, for this one comparison. The rounds of both systems are resampled
  together, because whatever disturbed the machine in a round disturbed both systems.
- `table_low, table_high`: Student's t on the logarithms, at 95% for FAMILY comparisons together (Bonferroni). A table
  makes about a dozen comparisons; at 95% each, every second table would call two equal systems different. The
  bootstrap of a few rounds is also too narrow: it cannot go beyond the ratios that were seen.

A system is called faster or slower only if neither interval contains 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
FAMILY = 20
RESAMPLES = 5_000
# Least standard deviation of the logarithm of a ratio in one round. Rounds of the same two processes do not show what
# differs from process to process (such as where memory and threads lie): one percent is allowed for it.
NOISE = 0.01
_SEED = 20
# exp(700) is the largest power of e that a float holds, nearly.
_FAR = 700.0

Values = NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class Middle:
    """A median with its 95% interval.

    Attributes:
        value: the median.
        low, high: the interval; infinite where the values are too few for one.
    """

    value: float
    low: float
    high: float

    def verdict(self, most: float) -> str:
        """Whether it is at most so much: "held", "missed", or "not shown" where the interval contains the bound."""
        if self.high <= most:
            return "held"
        return "missed" if self.low > most else "not shown"


def median_of(values: Sequence[float]) -> Middle:
    """The median and its interval, which assumes nothing of how the values are spread.

    The ends are the values at such ranks that the median lies between them with 95% by the binomial distribution (W. J.
    Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2). Fewer than six values have no such interval.
    """
    from scipy import stats

    ordered = sorted(values)
    middle = float(np.median(ordered))
    # So many-th from either end; the chance that the median lies outside these is at most 5%.
    rank = int(stats.binom.ppf((1 - CONFIDENCE) / 2, len(ordered), 0.5))
    return Middle(middle, ordered[rank - 1], ordered[-rank]) if rank else Middle(middle, -np.inf, np.inf)


def paired_ratio(speed: Sequence[float], other: Sequence[float]) -> Ratio:
    """Return speed / other, both measured in the same rounds.

    Args:
        speed, other: one value for each round.
    """
    ours, theirs = np.array(speed), np.array(other)
    rounds = len(ours)
    logs = np.log(ours / theirs)
    error = max(logs.std(ddof=1), NOISE) / np.sqrt(rounds) if rounds > 1 else np.inf
    return _ratio(ours, theirs, logs.mean(), error, rounds - 1, paired=True)


def unpaired_ratio(speed: Sequence[float], other: Sequence[float]) -> Ratio:
    """Return speed / other, measured at different times: each is resampled alone, and Welch's t is used."""
    ours, theirs = np.array(speed), np.array(other)
    if min(len(ours), len(theirs)) < 2:
        return _ratio(ours, theirs, 0.0, np.inf, 0, paired=False)
    one, two = (max(np.log(side).var(ddof=1), NOISE**2 / 2) / len(side) for side in (ours, theirs))
    # The degrees of freedom of Welch and Satterthwaite.
    freedom = (one + two) ** 2 / (one**2 / (len(ours) - 1) + two**2 / (len(theirs) - 1))
    center = np.log(ours).mean() - np.log(theirs).mean()
    return _ratio(ours, theirs, center, np.sqrt(one + two), freedom, paired=False)


def student_quantile(probability: float, freedom: float) -> float:
    """Return t such that a Student variable lies between -t and t with that probability."""
    from scipy import stats

    return float(stats.t.ppf((1 + probability) / 2, freedom))


def _ratio(ours: Values, theirs: Values, center: float, error: float, freedom: float, *, paired: bool) -> Ratio:
    value = float(np.median(ours) / np.median(theirs))
    low, high = _bootstrap(ours, theirs, paired=paired) if min(len(ours), len(theirs)) > 1 else (value, value)
    # One round does not say how much rounds differ.
    known = np.isfinite(error) and freedom > 0
    reach = student_quantile(1 - (1 - CONFIDENCE) / FAMILY, freedom) * error if known else np.inf
    # With two rounds the interval can go beyond what a float holds, and JSON has no infinity.
    table_low, table_high = np.exp(np.clip([center - reach, center + reach], -_FAR, _FAR)).tolist()
    return Ratio(value, low, high, table_low, table_high)


def _bootstrap(ours: Values, theirs: Values, *, paired: bool) -> tuple[float, float]:
    """Return the percentile interval: of few rounds, scipy's default (BCa) is undefined where all ratios agree."""
    from scipy import stats

    interval = stats.bootstrap(
        (ours, theirs),
        _ratio_of_medians,
        n_resamples=RESAMPLES,
        paired=paired,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _ratio_of_medians(ours: Values, theirs: Values, axis: int) -> Values:
    ratios: Values = np.median(ours, axis=axis) / np.median(theirs, axis=axis)
    return ratios
