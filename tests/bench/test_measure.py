"""Rounds and contestants: known sleeps are measured, order is kept, and who fails is out alone."""

from __future__ import annotations

import pytest

from bench import jobs, phases
from bench.measure import Contestant, each, interleave, repeats_for
from bench.plan import QUICK
from bench.process import Local, Place, Worker
from bench.result import Measured
from bench.system import Failure, Setting, Spec
from tests.bench import fakes
from tests.bench.fakes import spec


def _local(threads: int) -> Place:
    return Local(jobs.Session())


def _rounds(specs: list[Spec], rounds: int, *, local: bool = True) -> tuple[list[Contestant], Measured]:
    texts = fakes.workload(4)
    contestants = [Contestant(one, threads=1, start=_local if local else Worker) for one in specs]
    measured = Measured("sentences", texts.sha256, 0, len(texts.texts), texts.words, 24, 0.0)
    found = {one.name: phases.search(one, texts) for one in contestants}
    each(contestants, lambda one: one.open(one.setting))
    phases.throughput(contestants, found, texts, measured, None, QUICK, rounds=rounds)
    for one in contestants:
        one.leave()
    return contestants, measured


def test_a_known_sleep_is_measured_within_three_percent() -> None:
    [slow, fast], _ = _rounds([spec("slow", seconds=0.03), spec("fast", seconds=0.02)], 5, local=False)
    for one, seconds in ((slow, 0.03), (fast, 0.02)):
        found = one.row.on("sentences")
        assert found is not None
        assert found.texts_per_second == pytest.approx(4 / seconds, rel=0.03)
        assert len(found.seconds) == 5
    ratio = fast.row.throughput[0].to_baseline
    assert ratio is not None
    assert ratio.value == pytest.approx(1.5, rel=0.03)
    assert ratio.verdict == "faster"


def test_two_equal_sleepers_are_never_called_different_over_twenty_runs() -> None:
    for _ in range(20):
        contestants, _ = _rounds([spec("one", seconds=0.001), spec("other", seconds=0.001)], 3)
        ratio = contestants[1].row.throughput[0].to_baseline
        assert ratio is not None
        assert ratio.verdict == "no difference shown"


def test_turns_are_interleaved_and_who_fails_is_left_out() -> None:
    order: list[str] = []

    def turn(name: str, dies_at: int) -> str:
        order.append(name)
        if order.count(name) == dies_at:
            raise Failure("gone")
        return name

    out: list[str] = []
    turns = {name: lambda name=name, at=at: turn(name, at) for name, at in (("A", 0), ("B", 2), ("C", 0))}
    given = interleave(turns, rounds=3, failed=lambda name, failure: out.append(name), pause=lambda: None)
    assert "".join(order) == "ABCABCAC"
    assert given == {"A": ["A"] * 3, "C": ["C"] * 3}
    assert out == ["B"]


def test_the_search_keeps_the_fastest_setting_and_what_it_tried() -> None:
    settings = (Setting(1, 1, 1), Setting(8, 1, 1), Setting(32, 1, 1))
    one = Contestant(spec("peer", fakes.open_by_batch, settings=settings), threads=1, start=_local)
    found = phases.search(one, fakes.workload(4))
    assert one.setting == settings[1]
    assert found.setting == [8, 1, 1]
    assert [tried[:3] for tried in found.search] == [[1, 1, 1], [8, 1, 1], [32, 1, 1]]


def test_who_is_not_installed_is_said_to_be_so() -> None:
    one = Contestant(spec("peer", needs=("json", "no_such_library")), threads=1)
    assert one.row.status == "not installed"
    assert one.row.reason == "no_such_library: pip install 'nerve-ner[bench]'"


def test_latency_takes_every_text_once_and_keeps_the_raw_values() -> None:
    one = Contestant(spec("peer", seconds=0.002), threads=1, start=_local)
    one.open(one.setting)
    phases.latency([one], fakes.workload(12), rounds=3)
    [found] = one.row.latency
    assert [len(part) for part in found.rounds] == [4, 4, 4]
    assert 2.0 <= found.p50 <= found.p90 <= found.p99 == max(value for part in found.rounds for value in part)


def test_a_growing_queue_ends_the_load() -> None:
    one = Contestant(spec("peer", seconds=0.2), threads=1, start=_local)
    one.open(one.setting)
    phases.load(one, fakes.workload(4), QUICK)
    assert [found.saturated for found in one.row.load] == [True]
    assert one.row.load[0].rate == QUICK.rates[0]


def test_a_watched_call_gives_stages_and_padding() -> None:
    one = Contestant(spec("peer"), threads=1, start=_local)
    one.open(one.setting)
    phases.look_inside(one, fakes.workload(4))
    assert one.row.split == {"tokenise": 1.0, "engine": 3.0}
    assert one.row.padding_share == pytest.approx(0.2)


@pytest.mark.parametrize(("seconds", "repeats"), [(1.0, 1), (0.1, 5), (0.0999, 6), (0.0, 500_000_000)])
def test_short_turns_are_repeated(seconds: float, repeats: int) -> None:
    assert repeats_for(seconds, at_least=0.5) == repeats


def test_percentiles_are_values_that_were_seen() -> None:
    assert phases.percentiles([float(n) for n in range(1, 101)]) == (50.0, 90.0, 99.0)
    assert phases.percentiles([7.0]) == (7.0, 7.0, 7.0)
