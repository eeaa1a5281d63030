"""Throughput: what is derived from the rounds, and which system the ratios refer to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local
from bench.measure.roofline_probe import RooflineProbe
from bench.measure.rounds import MeasuredSystem
from bench.plan import QUICK, Plan
from bench.schema.result import Measured, Roofline, Throughput
from bench.speed import compare, throughput
from bench.systems.base import Spec
from tests.bench import fakes
from tests.bench.fakes import spec


class GivenRates(RooflineProbe):
    """A roofline of 1,000 operations a second."""

    def rooflines(self, rates: object) -> dict[str, Roofline]:
        return {"fp32": Roofline([1, 1, 1], "a library", [1000.0], 1000.0)}


def _measured(specs: dict[Spec, float], plan: Plan = QUICK, texts: int = 4) -> tuple[list[MeasuredSystem], Measured]:
    """Systems that take so many seconds for a call, each on a clock of its own."""
    given = fakes.workload(texts)
    measured = Measured("sentences", given.sha256, 0, texts, given.words, 6 * texts, 10.0)
    systems = []
    for one in specs:
        clock = fakes.Clock()

        def start(threads: int, clock: fakes.Clock = clock) -> JobRunner:
            return Local(Session(clock))

        systems.append(MeasuredSystem(one, threads=1, start=start))
        systems[-1].open(one.settings[0])
        systems[-1].ask(_takes, clock, specs[one])
    found = {one.name: Throughput("", [1, 1, 1], [], 1, [], 0.0, 0.0) for one in systems}
    rates, count = GivenRates(None), lambda one: 6 * len(one.texts)
    throughput(systems, found, given, measured, rates, plan, rounds=3, count=count)
    return systems, measured


def _takes(session: Session, clock: fakes.Clock, seconds: float) -> None:
    session.system = fakes.OnClock(clock, seconds)


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


def test_a_slow_system_tags_every_nth_text_and_its_speed_is_of_these() -> None:
    plan = replace(QUICK, longest_run=1.0)
    systems, _ = _measured({spec("nerve-a", group="nerve"): 0.5, spec("pipeline-fp32"): 4.0}, plan, texts=512)
    fast, slow = (one.row.throughput[0] for one in systems)
    # The clock counts calls: half of the texts take the fast one 0.5 s, so that all would take it a second.
    assert (fast.part_texts, slow.part_texts, slow.part_tokens) == (0, 64, 6 * 64)
    assert slow.texts_per_second == pytest.approx(64 / 4.0)
    assert slow.nerve_to_this is not None
    assert slow.nerve_to_this.value == pytest.approx(512 / 0.5 / (64 / 4.0))


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
