"""Intervals: what is called faster is faster, and equals are never called different."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bench.measure.intervals import Ratio, median_of, paired_ratio, student_quantile, unpaired_ratio
from bench.schema.result import read_result
from tests.conftest import ROOT

Compare = Callable[[Sequence[float], Sequence[float]], Ratio]


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [(0.95, 10, 2.228), (0.95, 2, 4.303), (0.99, 5, 4.032), (0.95, 30, 2.042), (0.9, 1, 6.314)],
)
def test_student_quantiles_are_those_of_printed_tables(probability: float, freedom: int, expected: float) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=2e-3)


def _called_different(ratio: Compare, rounds: int, source: np.random.Generator) -> bool:
    machine = source.lognormal(0, 0.05, rounds)  # what slows both down in a round
    one, other = (machine * source.lognormal(0, 0.03, rounds) for _ in range(2))
    return ratio(one.tolist(), other.tolist()).verdict != "no difference shown"


@pytest.mark.parametrize("rounds", [5, 7])
@pytest.mark.parametrize("ratio", [paired_ratio, unpaired_ratio])
def test_two_equal_systems_are_never_called_different_over_twenty_runs(ratio: Compare, rounds: int) -> None:
    source = np.random.default_rng(1)
    assert not any(_called_different(ratio, rounds, source) for _ in range(20))


def test_of_many_such_twenties_at_most_one_in_twenty_has_a_false_call() -> None:
    source = np.random.default_rng(2)
    false = sum(any(_called_different(paired_ratio, 3, source) for _ in range(20)) for _ in range(40))
    # 40 twenties at 95%: 2 are to be expected, and more than 5 in one of sixty such tests.
    assert false <= 5


def test_a_real_difference_is_called_one() -> None:
    source = np.random.default_rng(3)
    slow = source.lognormal(0, 0.02, 7)
    fast = 1.3 * source.lognormal(0, 0.02, 7)
    found = paired_ratio(fast.tolist(), slow.tolist())
    assert found.verdict == "faster"
    assert found.low < 1.3 < found.high
    assert paired_ratio(slow.tolist(), fast.tolist()).verdict == "slower"
    assert unpaired_ratio(fast.tolist(), slow.tolist()).verdict == "faster"


def test_what_slows_both_in_a_round_does_not_widen_a_paired_interval() -> None:
    machine = np.random.default_rng(4).lognormal(0, 0.5, 7)
    found = paired_ratio((1.2 * machine).tolist(), machine.tolist())
    assert found.verdict == "faster"
    assert found.high - found.low < 1e-9


def test_one_round_shows_nothing() -> None:
    assert paired_ratio([2.0], [1.0]).verdict == "no difference shown"
    assert unpaired_ratio([2.0], [1.0]).verdict == "no difference shown"


def test_exact_repeats_do_not_divide_by_nothing() -> None:
    assert unpaired_ratio([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]).verdict == "no difference shown"
    assert unpaired_ratio([2.0, 2.0, 2.0], [1.0, 1.0, 1.0]).verdict == "faster"


@pytest.mark.parametrize("seed", range(6))
def test_the_bootstrap_is_that_of_resampled_rounds(seed: int) -> None:
    """scipy's interval, and one resampled by hand as the results before it were, differ by less than drawing does."""
    source = np.random.default_rng(seed)
    machine = source.lognormal(0, 0.1, 7)
    one, other = (machine * source.lognormal(0, 0.05, 7) for _ in range(2))
    drawn = np.random.default_rng(20).integers(0, 7, (5000, 7))
    low, high = np.quantile(np.median(one[drawn], axis=1) / np.median(other[drawn], axis=1), [0.025, 0.975])
    found = paired_ratio(one.tolist(), other.tolist())
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.01)


def test_the_intervals_of_a_published_result_come_out_again() -> None:
    result = read_result(ROOT / "bench" / "results" / "minilm-conll2003.json")
    main = result.workloads[0]
    # Ways to read documents are rows that have documents alone.
    measured = {row.name: one for row in result.rows for one in row.throughput if one.workload == main.name}
    speeds = {name: [one.repeats / seconds for seconds in one.seconds] for name, one in measured.items()}
    ours = speeds[main.fastest_nerve]
    assert len(measured) >= 10
    for name, one in measured.items():
        if told := one.nerve_to_this:
            found = paired_ratio(ours, speeds[name])
            assert found.value == pytest.approx(told.value)
            assert (found.table_low, found.table_high) == pytest.approx((told.table_low, told.table_high), rel=1e-4)
            assert (found.low, found.high) == pytest.approx((told.low, told.high), rel=0.02)


# Ranks of printed tables of the sign test: of 6, 9, 15 and 20 values the first, second, fourth and sixth from each end.
@pytest.mark.parametrize(("count", "rank"), [(6, 1), (8, 1), (9, 2), (15, 4), (20, 6)])
def test_the_interval_of_a_median_has_the_ranks_of_printed_tables(count: int, rank: int) -> None:
    values = [float(value) for value in range(1, count + 1)]
    found = median_of(values[::-1])
    assert (found.low, found.value, found.high) == (rank, (count + 1) / 2, count + 1 - rank)


def test_few_values_have_no_interval_and_show_nothing() -> None:
    found = median_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.low, found.value, found.high) == (-np.inf, 3.0, np.inf)
    assert found.verdict(10) == found.verdict(1) == "not shown"


def test_a_bound_is_held_or_missed_only_outside_the_interval() -> None:
    found = median_of([float(value) for value in range(10, 19)])
    assert [found.verdict(most) for most in (10.5, 11, 16.9, 17)] == ["missed", "not shown", "not shown", "held"]
