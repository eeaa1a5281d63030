"""A profile is searched for by the command, sealed into the bundle, and taken by Tagger, command line and Triton."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.certify.outcomes import Outcome
from export.certify.outcomes import measured as outcome
from export.report.ending import report
from export.report.write import FACTS, PAGE, outcomes_of
from export.triton.repository import Serving, write_repository
from export.tune import options as tune_options
from export.tune.__main__ import main
from export.tune.trial import TrialRequest, measured, measured_apart
from runtime.bundle.certificate import Candidate, Wanted
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import open_bundle, seal
from runtime.errors import BackendError, BundleError, UsageError
from runtime.selection import choose
from runtime.serve.opening import open_service
from runtime.serve.options import parse
from runtime.tagger import Tagger
from tests.conftest import Command
from tests.tiny import TEXT


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may change."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def profile_of(bundle: Path, name: str = "mine") -> RunProfile:
    return RunProfile(name, choose(open_bundle(bundle)), "latency", 2, 1, 256, (16, 32), "a machine")


def test_a_profile_is_found_sealed_and_opened(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(TEXT), encoding="utf-8")
    wanted = ["--p99", "600s", "--at", "50/s", "--memory", "8GiB", "--minutes", "0.05", "--threads", "1"]
    more = ["--texts", str(tmp_path / "texts.txt"), "--profile", "quick", "--picture", str(tmp_path / "a.svg")]
    assert main([str(bundle), *wanted, *more]) == 0
    [made] = open_bundle(bundle).manifest.profiles
    assert (made.name, made.goal, made.threads) == ("quick", "latency", 1)
    assert made.wanted == {"p99_ms": 600_000.0, "texts_per_second": 50.0, "memory_bytes": 8 * 2**30}
    assert 0 < (made.measured["p99_ms"] or 0) <= 600_000
    assert made.measured["changed_per_10k"] == 0
    assert "kept" in capsys.readouterr().out
    assert not (tmp_path / "bundle.tuning.jsonl").exists()
    with Tagger.open(bundle, profile="quick") as tagger, Tagger.open(bundle) as plain:
        assert str(made.candidate) in tagger.about
        found = [[(e.label, e.start, e.end) for e in tagger.tag([text])[0]] for text in TEXT]
        assert found == [[(e.label, e.start, e.end) for e in each] for each in plain.tag(TEXT)]


def test_what_cannot_be_kept_leaves_the_bundle_as_it_was(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (bundle / "manifest.json").read_bytes()
    assert main([str(bundle), "--memory", "1KiB", "--minutes", "0.01", "--threads", "1"]) == 1
    assert "nothing is as wished" in capsys.readouterr().out
    assert (bundle / "manifest.json").read_bytes() == before
    with pytest.raises(BundleError, match=r"has F1 of 1 \(the best has 0\."):
        main([str(bundle), "--f1-floor", "1"])


def test_wishes_that_say_nothing_are_refused(bundle: Path) -> None:
    with pytest.raises(UsageError, match="given without --at"):
        main([str(bundle), "--p99", "20ms"])
    with pytest.raises(UsageError, match="lower-case letters"):
        main([str(bundle), "--goal", "latency", "--profile", "Not a Name"])
    with pytest.raises(UsageError, match="does not measure the checkpoint"):
        main([str(bundle), "--goal", "latency", "--model", "elsewhere"])
    for wrong in (["--profile", "mine"], ["--goal", "latency"], ["--model", "elsewhere"]):
        with pytest.raises(UsageError, match="given with other options"):
            main([str(bundle), "--drop", "mine", *wrong])


def test_numbers_have_units_that_people_write() -> None:
    def read(*given: str) -> tuple[float, float, int]:
        options = tune_options.parse(["bundle", *given])
        return options.p99, options.at, options.memory

    for p99 in ("20ms", "0.02s", "20 MS", "20000us"):
        for rate in ("100/s", "6000/min", "360000/h"):
            assert read("--p99", p99, "--at", rate) == pytest.approx((20, 100, 0))
    for size in ("1GiB", "1Gi", "1024MiB", "1048576kib", "1073741824B"):
        assert read("--memory", size)[2] == 2**30
    assert read("--memory", "800MB")[2] == 800_000_000
    for option, values in {
        "--p99": ("20", "1e3ms", "0ms", "nan", "-1ms", "20 m", "\u0661ms", "9" * 400 + "s", "5h"),
        "--at": ("100", "0/s", "1000000000000/s", "1/day", "/s", "inf/s"),
        "--memory": ("1", "1G", "0.4B", "0GiB", "1GiB2", "9" * 15 + "GiB"),
        "--f1-floor": ("90", "nan", "0", "-1", "1.01", "0,9"),
        "--minutes": ("0", "nan", "inf", "-1", "1e9", "x"),
    }.items():
        for value in values:
            with pytest.raises(UsageError):
                tune_options.parse(["bundle", f"{option}={value}"])


@pytest.mark.parametrize(
    "option", ["--goal=latency", "--profile=mine", "--minutes=1", "--picture=a.svg", "--f1-floor=1"]
)
def test_each_option_about_a_profile_asks_for_one(option: str) -> None:
    assert tune_options.parse(["bundle", option]).searches
    assert not tune_options.parse(["bundle", "--threads", "1"]).searches


def test_a_profile_that_is_made_or_dropped_leaves_a_report_that_tells_of_the_bundle(bundle: Path) -> None:
    """What was left out at export stands in the report alone, which counts for the manifest that it names."""
    held = open_bundle(bundle)
    left_out = Outcome(Candidate("packed-fp32.onnx", "openvino", "bf16", "cpu"), False, "too many changed")
    kept = [outcome(one, kept=True, reason="kept") for one in held.manifest.certificates]
    report(held, [*kept, left_out])
    searched = ["--goal", "latency", "--minutes", "0.01", "--threads", "1", "--picture", str(bundle) + ".svg"]
    assert main([str(bundle), *searched]) == 0
    for profiles in (1, 0):
        facts = json.loads((bundle / FACTS).read_text())
        assert [one["name"] for one in facts["profiles"]] == ["latency"][:profiles]
        assert ("<h2>Profiles</h2>" in (bundle / PAGE).read_text()) == bool(profiles)
        assert left_out.candidate in [one.candidate for one in outcomes_of(open_bundle(bundle))]
        if profiles:
            assert main([str(bundle), "--drop", "latency"]) == 0
    with pytest.raises(UsageError, match="no such profile"):
        main([str(bundle), "--drop", "latency"])


def test_a_profile_says_how_it_is_opened(bundle: Path) -> None:
    held = open_bundle(bundle)
    made = profile_of(bundle)
    seal(bundle, replace(held.manifest, profiles=(made,)))
    with Tagger.open(bundle, profile="mine", threads=1) as tagger:
        assert (tagger.backend.streams, tagger.backend.packing.slots) == (1, 256)
        # The machine that it was measured on may be another one than this.
        assert "; profile mine of a machine, with 1 of its 2 threads" in tagger.about
    with pytest.raises(UsageError, match=r"no such profile \(it has: mine\); make one with"):
        Tagger.open(bundle, profile="other")
    with pytest.raises(UsageError, match="is asked for; leave one of the two out"):
        Tagger.open(bundle, profile="mine", candidate=Wanted(precision="fp16"))


def test_command_line_server_and_triton_take_it(bundle: Path, command: Command, tmp_path: Path) -> None:
    made = profile_of(bundle)
    seal(bundle, replace(open_bundle(bundle).manifest, profiles=(made,)))
    done = command("runtime.tag", "--bundle", bundle, "--profile", "mine", "-v", "Oslo fell .")
    assert done.returncode == 0, done.stderr
    assert f"took {made.candidate}" in done.stderr
    assert command("runtime.tag", "--bundle", bundle, "--profile", "no", "Oslo fell .").returncode == 2
    service, about = open_service(parse(["--bundle", str(bundle), "--profile", "mine", "--no-request-log"]))
    assert str(made.candidate) in about
    assert service.stop()
    write_repository(bundle, tmp_path / "models", Serving(wanted=Wanted(), profile="mine"))
    configuration = (tmp_path / "models" / "ner" / "config.pbtxt").read_text()
    assert 'key: "profile" value { string_value: "mine" }' in configuration


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "../x"}, "no plain name"),
        ({"threads": 1, "streams": 2}, "2 streams of 1 threads"),
        ({"slots": 0}, "0 token slots"),
        ({"lengths": (32, 16)}, "row lengths that do not rise"),
    ],
)
def test_a_manifest_with_a_profile_of_no_use_is_refused(bundle: Path, change: dict[str, object], problem: str) -> None:
    made = replace(profile_of(bundle), **change)  # type: ignore[arg-type]
    seal(bundle, replace(open_bundle(bundle).manifest, profiles=(made,)))
    with pytest.raises(BundleError, match=problem):
        open_bundle(bundle)


def test_a_trial_that_fails_says_why(bundle: Path) -> None:
    made = replace(profile_of(bundle), candidate=replace(profile_of(bundle).candidate, precision="int8"))
    with pytest.raises(BackendError, match="its trial failed"):
        measured_apart(TrialRequest(str(bundle), made, ("a",), 0.0, 0.1))


def test_a_trial_counts_from_the_moment_a_text_was_due() -> None:
    now = [0.0]

    def tag(texts: object) -> None:
        now[0] += 0.05

    made = RunProfile("a", Candidate("a.onnx", "fake", "fp32", "cpu"), "latency", 1, 1, 512)
    request = TrialRequest("nowhere", made, ("a", "b"), 100.0, 2.0)
    trial = measured(request, tag, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    # One call takes 50 ms, and those who come meanwhile share the next: nobody waits for more than two.
    assert 50 <= trial.p50_ms <= 100
    assert trial.p99_ms <= 100.1
    assert not trial.saturated
    alone = measured(replace(request, rate=0.0), tag, clock=lambda: now[0], sleep=lambda seconds: None)
    assert alone.p50_ms == pytest.approx(50)
    assert alone.texts_per_second == pytest.approx(20)
