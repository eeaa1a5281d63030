"""Phases: a system is opened for one text as its users open it, and what it answers is scored."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench import phases
from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local
from bench.measure.rounds import MeasuredSystem
from bench.systems.base import Failure, Setting, Span
from bench.workloads.answers import Expected
from tests.bench import fakes
from tests.bench.fakes import LABELS, spec, workload


def _local(threads: int) -> JobRunner:
    return Local(Session())


def _seen(group: str, setting: Setting) -> list[Setting]:
    seen: list[Setting] = []

    def opener(given: Setting) -> fakes.Fake:
        seen.append(given)
        return fakes.Fake()

    one = MeasuredSystem(spec("one", opener, group=group, settings=(setting,)), threads=2, start=_local)
    one.open(setting)
    phases.open_for_one(one)
    return seen


def test_nerve_is_told_that_one_text_at_a_time_is_the_goal() -> None:
    assert _seen("nerve", Setting(64, 1, 2)) == [Setting(64, 1, 2), Setting(64, 1, 2, goal="latency")]


def test_a_baseline_of_several_streams_gets_one_with_all_threads() -> None:
    assert _seen("baseline", Setting(8, 2, 1))[-1] == Setting(8, 1, 2, goal="latency")
    assert _seen("baseline", Setting(8, 1, 2)) == [Setting(8, 1, 2)]


def test_too_few_answers_are_a_failure() -> None:
    class Forgetful(fakes.Fake):
        def spans(self, answer: object) -> list[list[Span]]:
            return []

    one = MeasuredSystem(spec("one", lambda setting: Forgetful()), threads=1, start=_local)
    one.open(one.setting)
    with pytest.raises(Failure, match="0 answers for 8 texts"):
        phases.score(one, workload(), Expected((), {}), LABELS)


def test_the_main_baselines_answers_are_what_other_pipelines_are_compared_with() -> None:
    expected = Expected((), {})
    one = MeasuredSystem(spec("pipeline-fp32"), threads=1, start=_local)
    one.open(one.setting)
    phases.score(one, workload(), expected, LABELS)
    assert expected.twins["pipeline"] == fakes.Fake().tag(workload().raw)
    assert one.row.accuracy[0].f1 == 1.0
    assert one.row.flags == []


def test_cold_starts_are_counted_on_a_clock() -> None:
    clock = fakes.Clock()
    one = MeasuredSystem(spec("one", fakes.open_on_clock, clock=clock, seconds=2.0), threads=1, start=_local)
    phases.cold_start(one, "to Oslo", 3, clock)
    assert one.row.cold_seconds == [2.0, 2.0, 2.0]


def test_every_turn_of_single_texts_begins_with_calls_that_do_not_count() -> None:
    tagged: list[str] = []

    class Listening(fakes.Fake):
        def tag(self, texts: Sequence[str]) -> list[list[Span]]:
            tagged.extend(texts)
            return super().tag(texts)

    one = MeasuredSystem(spec("one", lambda setting: Listening()), threads=1, start=_local)
    one.open(one.setting)
    phases.latency([one], workload(8), rounds=2)
    assert [len(turn) for turn in one.row.latency[0].rounds] == [4, 4]
    # Once when it is opened, and before each turn.
    untimed = (len(tagged) - 8) // 3
    assert tagged[-4 - untimed : -4] == workload(8).raw[:untimed]
    assert untimed > 1
