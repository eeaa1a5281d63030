"""The search: what is tried, what is kept, and that an interrupted one goes on where it was."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from export.tune.frontier import check_picture, draw, frontier, table_of
from export.tune.journal import Journal
from export.tune.search import FINALISTS, Found, Search, Tried, name_of, set_ups
from export.tune.trial import Trial, TrialRequest
from export.tune.wish import Wish
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import Bundle, open_bundle
from runtime.errors import BackendError, BundleError, StorageError

LATENCY, THROUGHPUT = Wish(goal="latency"), Wish(goal="throughput")
IN_TIME = Wish(goal="latency", p99_ms=20, rate=100)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


class Machine:
    """Takes ten milliseconds for a text with one thread, and fewer with more; its clock moves on with each trial."""

    def __init__(self, *, fails: str = "", change: Callable[[TrialRequest, Trial], Trial] = lambda _, it: it) -> None:
        self.now, self.asked, self.fails, self.change = 0.0, list[TrialRequest](), fails, change

    def measure(self, request: TrialRequest) -> Trial:
        self.now += request.seconds + 1
        self.asked.append(request)
        profile = request.profile
        if profile.candidate.backend == self.fails:
            raise BackendError("it", "no memory", "none")
        p50 = 10 / profile.threads + (5 if profile.candidate.backend == "onnxruntime" else 0)
        return self.change(request, self._trial(profile, p50))

    def _trial(self, profile: RunProfile, p50: float) -> Trial:
        return Trial(p50, 2 * p50, 1000 / p50 * profile.streams, 100, 100 * profile.threads, saturated=False)


def search_of(machine: Machine, bundle: Bundle, wish: Wish, journal: Path, *, seconds: float = 1e6) -> Found:
    profiles = set_ups(bundle, wish, name="mine", threads=2, machine="a machine")
    search = Search(bundle, wish, ("a text",), measure=machine.measure, journal=Journal(journal, bundle),
                    seconds=seconds, clock=lambda: machine.now)  # fmt: skip
    return search.among(profiles)


def found_by(machine: Machine, bundle: Bundle, wish: Wish, journal: Path) -> Sequence[Tried]:
    return search_of(machine, bundle, wish, journal).tried


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
    assert not search_of(cut, bundle, THROUGHPUT, journal, seconds=10).is_whole
    assert 1 < len(cut.asked) < len(first.asked)
    with journal.open("a") as file:
        file.write('{"key": "half a li')
    again = Machine()
    found = found_by(again, bundle, THROUGHPUT, journal)
    assert len(again.asked) + len(cut.asked) == len(first.asked)
    assert found[0] == whole[0]
    Journal(journal, bundle).end()
    assert not journal.exists()


def test_what_another_candidate_library_or_bundle_was_measured_with_counts_for_nothing(
    bundle: Bundle, tmp_path: Path
) -> None:
    journal, machine = tmp_path / "journal", Machine()
    found_by(machine, bundle, LATENCY, journal)
    request, trial = machine.asked[0], machine.measure(machine.asked[0])
    assert Journal(journal, bundle).known(request) == replace(trial)
    candidate = request.profile.candidate
    other = tuple(replace(one, residual_in_fp32=not one.residual_in_fp32) for one in bundle.manifest.certificates)
    files = {name: replace(one, sha256="0" * 64) for name, one in bundle.manifest.files.items()}
    for manifest in (replace(bundle.manifest, certificates=other), replace(bundle.manifest, files=files)):
        assert Journal(journal, replace(bundle, manifest=manifest)).known(request) is None
    for change in ({"machine": "another"}, {"threads": 7}, {"candidate": replace(candidate, precision="int8")}):
        asked = replace(request, profile=replace(request.profile, **change))
        assert Journal(journal, bundle).known(asked) is None
    assert Journal(journal, bundle).known(replace(request, texts=("another text",))) is None


def test_a_line_after_half_a_line_is_read(bundle: Bundle, tmp_path: Path) -> None:
    path, machine = tmp_path / "journal", Machine()
    found_by(machine, bundle, LATENCY, tmp_path / "other")
    path.write_text('{"key": "half')
    request = machine.asked[0]
    Journal(path, bundle).keep(request, machine.measure(request))
    assert Journal(path, bundle).known(request)


def test_finalists_that_fail_make_room_for_others_that_kept_the_bounds(bundle: Bundle, tmp_path: Path) -> None:
    """The cheapest look right for a moment: their table said "kept" once, and nothing "is as wished" all the same."""

    def change(request: TrialRequest, trial: Trial) -> Trial:
        return trial if request.profile.threads == 2 or request.seconds < 1 else replace(trial, p99_ms=100.0)

    found = found_by(Machine(change=change), bundle, IN_TIME, tmp_path / "journal")
    assert IN_TIME.fulfilled(found[0].trial)
    assert found[0].profile.threads == 2
    assert found[0].seconds == max(one.seconds for one in found)


def test_memory_is_that_of_a_first_start_too(bundle: Bundle, tmp_path: Path) -> None:
    def change(request: TrialRequest, trial: Trial) -> Trial:
        return replace(trial, memory_bytes=900 if request.is_first else 100)

    machine = Machine(change=change)
    found = found_by(machine, bundle, LATENCY, tmp_path / "journal")
    assert {one.trial.memory_bytes for one in found} == {900}
    assert [one.is_first for one in machine.asked] == [one.seconds < 1 for one in machine.asked]


def test_a_search_ends_in_time_though_every_trial_fails(bundle: Bundle, tmp_path: Path) -> None:
    def change(request: TrialRequest, trial: Trial) -> Trial:
        raise BackendError("it", "its trial did not end within 120 s", "give shorter texts")

    machine = Machine(change=change)
    found = search_of(machine, bundle, LATENCY, tmp_path / "journal", seconds=1.0)
    assert (len(machine.asked), found.tried, found.is_whole) == (1, [], False)
    assert "did not end within 120 s" in found.failure


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
    with pytest.raises(BundleError, match=r"no candidate that runs here has F1 of 1\.01 \(the best has 0\."):
        set_ups(bundle, replace(LATENCY, f1=1.01), name="a", threads=2, machine="")
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
    # As wide as a table is where no terminal says how wide it is: nothing is cut off.
    columns = zip(table.headings, zip(*table.rows))
    widths = [max(map(len, [*heading.split("\n"), *column])) for heading, column in columns]
    assert sum(widths) + 2 * (len(widths) - 1) <= 116  # of 120: figures of a real model may be longer


def test_the_picture_names_every_set_up(bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = found_by(Machine(), bundle, IN_TIME, tmp_path / "journal")
    assert draw(found, bundle, IN_TIME, tmp_path / "a.svg")
    told = re.findall("<!-- (.*?) -->", (tmp_path / "a.svg").read_text())  # each text that is drawn
    for number, one in enumerate(found, start=1):
        [line] = [each for each in told if each.startswith(f"{number}  ")]
        assert name_of(one.profile) in line
        assert str(number) in told
    assert not [each for each in told if "mathdefault" in each]  # 3 x 10^2
