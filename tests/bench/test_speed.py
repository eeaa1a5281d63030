"""Throughput: what is derived from the rounds, and which system the ratios refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local
from bench.measure.roofline_probe import RooflineProbe
from bench.measure.rounds import MeasuredSystem
from bench.plan import QUICK, Plan
from bench.schema.result import Measured, Roofline, Throughput
from bench.speed import compare, throughput
from bench.systems.base import Span, Spec
from tests.bench import fakes
from tests.bench.fakes import spec


class GivenRates(RooflineProbe):
    """A roofline of 1,000 operations a second."""

    def rooflines(self, rates: object) -> dict[str, Roofline]:
        return {"fp32": Roofline([1, 1, 1], "a library", [1000.0], 1000.0)}


def _measured(
    specs: dict[Spec, float],
    plan: Plan = QUICK,
    texts: int = 4,
    *,
    search: Sequence[list[float]] = (),
    cold: Mapping[str, float] | None = None,
) -> tuple[list[MeasuredSystem], Measured]:
    """Systems that take so many seconds for a call, each on a clock of its own.

    Args:
        search: what a search found.
        cold: seconds of the first call alone, by name of the system.
    """
    given = fakes.workload(texts)
    measured = Measured("sentences", given.sha256, 0, texts, given.words, 6 * texts, 10.0)
    systems = []
    for one in specs:
        clock = fakes.Clock()

        def start(threads: int, clock: fakes.Clock = clock) -> JobRunner:
            return Local(Session(clock))

        systems.append(MeasuredSystem(one, threads=1, start=start))
        systems[-1].open(one.settings[0])
        systems[-1].ask(_takes, clock, specs[one], (cold or {}).get(one.name, specs[one]))
    found = {one.name: Throughput("", [1, 1, 1], list(search), 1, [], 0.0, 0.0) for one in systems}
    rates, count = GivenRates(None), lambda one: 6 * len(one.texts)
    throughput(systems, found, given, measured, rates, plan, rounds=3, count=count)
    return systems, measured


class ColdAtFirst(fakes.OnClock):
    """Its first call takes longer."""

    def __init__(self, clock: fakes.Clock, seconds: float, first: float) -> None:
        super().__init__(clock, seconds)
        self._more = first - seconds

    def tag(self, texts: Sequence[str]) -> list[list[Span]]:
        self._clock.sleep(self._more)
        self._more = 0.0
        return super().tag(texts)


def _takes(session: Session, clock: fakes.Clock, seconds: float, first: float) -> None:
    session.system = ColdAtFirst(clock, seconds, first)


def test_speeds_shares_and_ratios_follow_from_the_seconds() -> None:
    systems, measured = _measured({spec("nerve-a", group="nerve"): 0.5, spec("pipeline-fp32"): 2.0})
    ours, theirs = (one.row.throughput[0] for one in systems)
    assert (ours.workload, ours.repeats) == ("sentences", 1)
    assert ours.seconds == pytest.approx([0.5] * 3)
    assert ours.texts_per_second == pytest.approx(8.0)
    assert ours.tokens_per_second == pytest.approx(48.0)
    # 48 tokens a second, ten operations each, of 1,000.
    assert ours.share_of_roofline == pytest.approx(0.48)
    assert (measured.baseline, measured.fastest_nerve) == ("pipeline-fp32", "nerve-a")
    assert ours.to_baseline is not None
    assert theirs.nerve_to_this is not None
    assert ours.to_baseline.value == theirs.nerve_to_this.value == pytest.approx(4.0)


def test_a_slow_baseline_tags_every_nth_text_and_its_speed_is_of_these() -> None:
    plan = replace(QUICK, longest_run=1.0)
    systems, _ = _measured({spec("nerve-a", group="nerve"): 0.5, spec("pipeline-fp32"): 4.0}, plan, texts=512)
    fast, slow = (one.row.throughput[0] for one in systems)
    # The clock counts calls: half of the texts take four seconds, so that all would take eight.
    assert (fast.part_texts, slow.part_texts, slow.part_tokens) == (0, 64, 6 * 64)
    assert slow.texts_per_second == pytest.approx(64 / 4.0)
    assert slow.nerve_to_this is not None
    assert slow.nerve_to_this.value == pytest.approx(512 / 0.5 / (64 / 4.0))


def test_nerve_tags_all_texts_however_long_it_takes() -> None:
    plan = replace(QUICK, longest_run=1.0)
    systems, _ = _measured({spec("nerve-a", group="nerve"): 30.0}, plan, texts=512)
    assert systems[0].row.throughput[0].part_texts == 0
    assert systems[0].row.throughput[0].texts_per_second == pytest.approx(512 / 30)


def test_what_a_search_found_sizes_the_part() -> None:
    # By a run of few texts it would be an eighth; the search, of warm runs, found half the speed of one run a second.
    plan = replace(QUICK, longest_run=1.0)
    systems, _ = _measured({spec("pipeline-fp32"): 4.0}, plan, texts=512, search=[[1, 1, 1, 256.0], [8, 1, 1, 1.0]])
    assert systems[0].row.throughput[0].part_texts == 256


def test_repeats_and_parts_follow_from_warm_runs() -> None:
    plan = replace(QUICK, longest_run=1.0, warm_ups=6, warm_up_seconds=100.0)
    ours, theirs = spec("nerve-a", group="nerve"), spec("pipeline-fp32")
    systems, _ = _measured({ours: 0.125, theirs: 0.125}, plan, texts=512, cold={"nerve-a": 9, "pipeline-fp32": 9})
    for one in systems:
        found = one.row.throughput[0]
        assert found.seconds == pytest.approx([0.25] * 3)
        assert (found.repeats, found.part_texts) == (2, 0)


def test_without_the_pipeline_the_first_baseline_takes_its_place() -> None:
    _, measured = _measured({spec("nerve-a", group="nerve"): 0.5, spec("other"): 1.0, spec("third"): 1.0})
    assert measured.baseline == "other"


def test_without_any_baseline_nerve_is_compared_with_itself() -> None:
    _, measured = _measured({spec("nerve-a", group="nerve"): 0.5, spec("nerve-b", group="nerve"): 0.25})
    assert (measured.baseline, measured.fastest_nerve) == ("nerve-a", "nerve-b")


def test_nothing_measured_is_nothing_compared() -> None:
    measured = Measured("sentences", "", 0, 1, 1, 1, 0.0)
    compare([], measured)
    assert (measured.baseline, measured.fastest_nerve) == ("", "")
