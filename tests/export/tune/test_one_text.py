"""How a candidate is set up for one text at a time is measured, sealed into the bundle, and taken."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from export.tune.one_text import SENTENCES, SetUp, fastest, one_text_speed, plainest, to_try
from export.tune.search import set_ups
from export.tune.wish import Wish
from runtime.backends.base import BackendOptions
from runtime.backends.registry import spec_of
from runtime.bundle.store import Bundle, OneTextSpeed, open_bundle
from runtime.opening import for_one_text
from runtime.selection import PYTORCH, choose, describe
from tests.tiny import TEXT


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def test_export_has_measured_every_candidate(bundle: Bundle) -> None:
    for speed in bundle.manifest.speeds:
        single = speed.one_text
        if speed.candidate == PYTORCH:
            assert single == OneTextSpeed()
        else:
            assert 0 < single.p50_ms <= single.p99_ms
            assert single.threads >= 1
    assert (
        choose(bundle, goal="latency")
        == min(
            (speed for speed in bundle.manifest.speeds if speed.one_text.p50_ms),
            key=lambda speed: speed.one_text.p50_ms,
        ).candidate
    )


def test_a_plain_set_up_is_taken_where_others_are_no_faster(bundle: Bundle) -> None:
    ticks = iter(range(10**6))
    # Each look at the clock comes a second later: no set-up is faster than another.
    single = one_text_speed(bundle, choose(bundle), threads=2, clock=lambda: float(next(ticks)))
    assert single == OneTextSpeed(1000.0, 1000.0, 1, ())


def test_threads_and_rows_are_chosen_together() -> None:
    rows = (16, 32)
    tried = to_try(rows, threads=2)
    assert tried == [SetUp(1, ()), SetUp(2, ()), SetUp(1, rows), SetUp(2, rows)]
    # More threads gain nothing in the graph for any length, and a third in those for one.
    taken = {tried[0]: 2.0, tried[1]: 2.1, tried[2]: 1.5, tried[3]: 1.0}
    assert plainest({each: [seconds] * SENTENCES for each, seconds in taken.items()}) == tried[3]
    assert plainest({each: [seconds] * SENTENCES for each, seconds in (taken | {tried[3]: 1.45}).items()}) == tried[2]
    assert to_try((), threads=1) == [SetUp(1, ())]
    assert [each.threads for each in to_try((), threads=16)] == [1, 4, 16]


class Slowing:
    """A machine that each time takes twice as long as before for everything: what is not measured together is wrong."""

    def __init__(self, milliseconds: dict[SetUp, float]) -> None:
        self.milliseconds, self.together, self.slow = milliseconds, list[list[SetUp]](), 1.0

    def __call__(self, tried: Sequence[SetUp]) -> dict[SetUp, list[float]]:
        self.together.append([*tried])
        self.slow *= 2
        return {each: [self.slow * self.milliseconds[each] / 1000] * SENTENCES for each in tried}


# MiniLM's int8 and its fp32 graph, and bert-large's fp32: bytes of the graph with its tensors.
@pytest.mark.parametrize(("weights", "at_once"), [(65_400_000, True), (90_300_000, False), (1_340_000_000, False)])
def test_eight_cpus_and_rows_of_many_lengths(weights: int, *, at_once: bool) -> None:
    rows = (16, 24, 32, 48, 64, 96, 128)
    tried = to_try(rows, threads=8)
    taken = dict(zip(tried, (2.3, 2.4, 2.5, 1.6, 1.0, 1.2), strict=True))
    machine = Slowing(taken)
    best, seconds = fastest(tried, weights=weights, measured=machine)
    assert best == SetUp(4, rows)
    # Its seconds are of the last turns that it took part in.
    assert seconds == [taken[best] * machine.slow / 1000] * SENTENCES
    first, second, third, fourth, fifth, last = tried
    pairs = [[first, second], [first, third], [first, fourth], [fourth, fifth], [fifth, last]]
    assert machine.together == ([tried] if at_once else pairs)


def test_one_set_up_alone_is_measured_too() -> None:
    (only,) = to_try((), threads=1)
    machine = Slowing({only: 5.0})
    assert fastest([only], weights=10**10, measured=machine) == (only, [0.01] * SENTENCES)


def test_only_rows_that_the_certificate_covers_are_tried(bundle: Bundle) -> None:
    on_openvino = [one for one in bundle.manifest.certificates if one.backend == "openvino"]
    if not on_openvino:
        pytest.skip("openvino is not installed")
    covered = max(spec_of(on_openvino[0].candidate).row_lengths, key=len)
    assert {one.rows for one in on_openvino} == {covered}
    assert all(not one.rows for one in bundle.manifest.certificates if one.backend != "openvino")
    assert {speed.one_text.lengths for speed in bundle.manifest.speeds} <= {(), covered}
    tried = set_ups(bundle, Wish(goal="latency"), name="a", threads=1, machine="")
    assert {(one.candidate.backend, one.lengths) for one in tried} == {
        ("onnxruntime", ()),
        ("openvino", ()),
        ("openvino", covered),
    }


def test_it_is_really_timed(bundle: Bundle) -> None:
    single = one_text_speed(bundle, choose(bundle), threads=1, clock=time.perf_counter)
    assert 0.001 < single.p50_ms < 1000


def test_goals_may_take_different_candidates(bundle: Bundle) -> None:
    first, second = [speed for speed in bundle.manifest.speeds if speed.candidate != PYTORCH][:2]
    speeds = (
        replace(first, tokens_per_second=100.0, one_text=OneTextSpeed(5.0, 6.0, 1, ())),
        replace(second, tokens_per_second=50.0, one_text=OneTextSpeed(2.0, 3.0, 2, (16, 32))),
    )
    held = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
    assert choose(held, goal="throughput") == first.candidate
    assert choose(held, goal="latency") == second.candidate
    options = BackendOptions(threads=8, goal="latency")
    assert for_one_text(options, held.one_text(second.candidate)) == replace(options, threads=2, lengths=(16, 32))
    assert for_one_text(replace(options, threads=1), held.one_text(second.candidate)).threads == 1
    assert for_one_text(options, OneTextSpeed()) == options
    # Where one text was not measured, the speed with many decides.
    old = replace(bundle, manifest=replace(bundle.manifest, speeds=tuple(
        replace(speed, one_text=OneTextSpeed()) for speed in speeds)))  # fmt: skip
    assert choose(old, goal="latency") == first.candidate
    assert "2.00 ms a text" in describe(held, second.candidate, goal="latency")


def test_a_tagger_for_latency_says_what_one_for_throughput_says(tiny_bundle: Path, bundle: Bundle) -> None:
    from runtime.tagger import Tagger

    rows = {one.candidate: one.rows for one in bundle.manifest.certificates}
    speeds = tuple(
        replace(each, one_text=OneTextSpeed(1.0, 1.0, 1, rows.get(each.candidate, ())))
        for each in bundle.manifest.speeds
    )
    held = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
    with Tagger.open(held, goal="latency") as one, Tagger.open(held) as many:
        found = [one.tag([text])[0] for text in TEXT]
        assert [[(e.label, e.start, e.end) for e in each] for each in found] == [
            [(e.label, e.start, e.end) for e in each] for each in many.tag(TEXT)
        ]
