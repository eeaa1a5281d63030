"""The search: what is tried, what is kept, and that an interrupted one goes on where it was."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from export.tune.frontier import check_picture, frontier, table_of
from export.tune.search import FINALISTS, Journal, Tried, search, set_ups
from export.tune.trial import Trial, TrialRequest
from export.tune.wish import Wish
from runtime.bundle.store import Bundle, open_bundle
from runtime.errors import BackendError, StorageError

LATENCY, THROUGHPUT = Wish(goal="latency"), Wish(goal="throughput")
IN_TIME = Wish(goal="latency", p99_ms=20, rate=100)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


class Machine:
    """Takes ten milliseconds for a text with one thread, and fewer with more; its clock moves on with each trial."""

    def __init__(self, *, fails: str = "") -> None:
        self.now, self.asked, self.fails = 0.0, list[TrialRequest](), fails

    def measure(self, request: TrialRequest) -> Trial:
        self.now += request.seconds + 1
        self.asked.append(request)
        profile = request.profile
        if profile.candidate.backend == self.fails:
            raise BackendError("it", "no memory", "none")
        p50 = 10 / profile.threads + (5 if profile.candidate.backend == "onnxruntime" else 0)
        return Trial(p50, 2 * p50, 1000 / p50 * profile.streams, 100 * profile.threads, saturated=False)


def found_by(machine: Machine, bundle: Bundle, wish: Wish, journal: Path, *, seconds: float = 1e6) -> list[Tried]:
    profiles = set_ups(bundle, wish, name="mine", threads=2, machine="a machine")
    return search(bundle, wish, profiles, ("a text",), measure=machine.measure, journal=Journal(journal, bundle),
                  seconds=seconds, clock=lambda: machine.now)  # fmt: skip


def test_the_fastest_by_the_manifest_are_tried_first(bundle: Bundle) -> None:
    slow, *_, fast = sorted(bundle.manifest.speeds, key=lambda one: one.tokens_per_second)
    times = {slow.candidate: 9.0, fast.candidate: 0.5}
    speeds = tuple(
        replace(one, one_text=replace(one.one_text, p50_ms=times.get(one.candidate, 1.0)))
        for one in bundle.manifest.speeds
        if one.candidate.file
    )
    measured = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
    order = [one.candidate for one in set_ups(measured, LATENCY, name="mine", threads=2, machine="")]
    by_time = sorted(speeds, key=lambda one: one.one_text.p50_ms)
    assert order[0] == by_time[0].candidate
    assert order[-1] == by_time[-1].candidate
    many = [one.candidate for one in set_ups(measured, THROUGHPUT, name="mine", threads=2, machine="")]
    assert many[0] == max(speeds, key=lambda one: one.tokens_per_second).candidate


def test_halving_spends_its_time_on_those_that_may_win(bundle: Bundle, tmp_path: Path) -> None:
    machine = Machine()
    found = found_by(machine, bundle, LATENCY, tmp_path / "journal")
    lengths = [one.seconds for one in machine.asked]
    counts = [lengths.count(length) for length in sorted(set(lengths))]
    assert counts[0] == len(set_ups(bundle, LATENCY, name="mine", threads=2, machine=""))
    assert all(after == max(FINALISTS, (before + 1) // 2) for before, after in itertools.pairwise(counts))
    assert counts[-1] == FINALISTS
    assert found[0].profile.threads == 2
    assert found[0].seconds == max(one.seconds for one in machine.asked)


def test_whoever_is_in_time_and_has_the_fewest_cores_wins(bundle: Bundle, tmp_path: Path) -> None:
    found = found_by(Machine(), bundle, IN_TIME, tmp_path / "a")
    assert (found[0].profile.threads, found[0].trial.p99_ms) == (1, 20)
    strict = replace(IN_TIME, p99_ms=12)
    assert found_by(Machine(), bundle, strict, tmp_path / "b")[0].profile.threads == 2
    hopeless = replace(IN_TIME, p99_ms=1)
    best = found_by(Machine(), bundle, hopeless, tmp_path / "c")[0]
    assert not hopeless.fulfilled(best.trial)
    assert best.trial.p99_ms == 10
    assert not replace(IN_TIME, memory_bytes=50).fulfilled(best.trial)
    assert not IN_TIME.fulfilled(replace(best.trial, saturated=True))


def test_an_interrupted_search_goes_on_where_it_was(bundle: Bundle, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = Machine()
    whole = found_by(first, bundle, THROUGHPUT, tmp_path / "other")
    cut = Machine()
    found_by(cut, bundle, THROUGHPUT, journal, seconds=10)
    assert 1 < len(cut.asked) < len(first.asked)
    with journal.open("a") as file:
        file.write('{"key": "half a li')
    again = Machine()
    found = found_by(again, bundle, THROUGHPUT, journal)
    assert len(again.asked) + len(cut.asked) == len(first.asked)
    assert found[0] == whole[0]
    Journal(journal, bundle).end()
    assert not journal.exists()


@pytest.mark.parametrize("content", ['{"mine": 1}\n', "years of work", "{"])
def test_a_journal_that_is_somebody_elses_is_refused(bundle: Bundle, tmp_path: Path, content: str) -> None:
    place = tmp_path / "bundle.tuning.jsonl"
    place.write_text(content)
    if content == "{":  # a part of a first line
        Journal(place, bundle)
        return
    with pytest.raises(StorageError, match="it is there and is no unfinished tuning"):
        Journal(place, bundle)
    place.unlink()
    place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StorageError, match="it is there and is no unfinished tuning"):
        Journal(place, bundle)


def test_a_picture_takes_the_place_of_nothing_but_a_picture(bundle: Bundle, tmp_path: Path) -> None:
    check_picture(tmp_path / "new.svg", bundle.path)
    (tmp_path / "old.svg").write_text('<?xml version="1.0"?>\n<svg></svg>')
    check_picture(tmp_path / "old.svg", bundle.path)
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "link.svg").symlink_to(bundle.path / "config.json")
    for place, told in (
        (tmp_path / "thesis.txt", "is no picture in SVG"),
        (bundle.path / "new.svg", "it lies in the bundle"),
        (tmp_path / "link.svg", "it lies in the bundle"),
        (tmp_path / "nowhere" / "new.svg", "there is no such folder"),
    ):
        with pytest.raises(StorageError, match=told):
            check_picture(place, bundle.path)


def test_a_set_up_that_fails_is_left_out(bundle: Bundle, tmp_path: Path) -> None:
    found = found_by(Machine(fails="onnxruntime"), bundle, LATENCY, tmp_path / "journal")
    # Without OpenVINO nothing is left; with it, all that is found is its own.
    others = {one.backend for one in bundle.manifest.certificates if one.device == "cpu"} - {"onnxruntime"}
    assert {one.profile.candidate.backend for one in found} == others


def test_candidates_below_the_floor_are_not_tried(bundle: Bundle) -> None:
    assert set_ups(bundle, replace(LATENCY, f1=1.01), name="a", threads=2, machine="") == []
    every = set_ups(bundle, LATENCY, name="a", threads=2, machine="")
    assert {one.threads for one in every} == {1, 2}
    assert all(one.streams <= one.threads for one in every)


def test_the_frontier_leaves_out_whoever_is_beaten_in_everything(bundle: Bundle, tmp_path: Path) -> None:
    found = found_by(Machine(), bundle, LATENCY, tmp_path / "journal")
    beaten = replace(found[0], trial=replace(found[0].trial, p99_ms=99.0, memory_bytes=10**9))
    front = frontier([*found, beaten], bundle)
    assert found[0] in front
    assert beaten not in front
    table = table_of([*found, beaten], bundle, LATENCY)
    assert len(table.rows) == len(found) + 1
    assert {len(row) for row in table.rows} == {len(table.headings)}
