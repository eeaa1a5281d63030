"""Exporting again keeps the profiles whose candidates are the same, and says how to make the others again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from export.tune.__main__ import main
from export.tune.kept_profiles import command_of, kept_profiles
from runtime.bundle.manifest import Manifest
from runtime.bundle.profile import Figures, RunProfile
from runtime.bundle.store import open_bundle
from runtime.errors import BundleError
from runtime.screen.opening import screen
from runtime.selection import choose


@pytest.fixture
def manifest(tiny_bundle: Path) -> Manifest:
    """With a profile of the candidate that "auto" takes."""
    bundle = open_bundle(tiny_bundle)
    figures = {"candidate_f1": 0.95, "changed_per_10k": 0.0}
    certificates = tuple(replace(one, measured={**one.measured, **figures}) for one in bundle.manifest.certificates)
    wanted: Figures = {"p99_ms": 20.0, "texts_per_second": 2e4, "f1": 0.9, "memory_bytes": 1 << 30}
    profile = RunProfile(
        "mine",
        choose(bundle),
        "latency",
        2,
        1,
        256,
        wanted=wanted,
        measured={"p50_ms": 3.0, "f1": 0.95, "changed_per_10k": 0.0},
    )
    return replace(bundle.manifest, certificates=certificates, profiles=(profile,))


def test_the_same_files_keep_a_profile(manifest: Manifest, capsys: pytest.CaptureFixture[str]) -> None:
    now = replace(manifest, profiles=())
    with screen(verbose=False):
        assert kept_profiles(manifest, now, bundle="b") == manifest.profiles
    assert capsys.readouterr().out == ""


def test_other_files_drop_it_and_say_so(manifest: Manifest, capsys: pytest.CaptureFixture[str]) -> None:
    certificates = tuple(replace(one, files=dict.fromkeys(one.files, "0" * 64)) for one in manifest.certificates)
    with screen(verbose=False):
        assert kept_profiles(manifest, replace(manifest, certificates=certificates), bundle="my bundle") == ()
    told = capsys.readouterr().out
    assert "profile mine is dropped: the files of" in told
    assert command_of(manifest.profiles[0], "my bundle") in " ".join(told.split())  # long lines are wrapped


def test_what_is_not_certified_any_more_is_dropped(manifest: Manifest, capsys: pytest.CaptureFixture[str]) -> None:
    with screen(verbose=False):
        assert kept_profiles(manifest, replace(manifest, certificates=()), bundle="b") == ()
    assert "is not certified any more" in capsys.readouterr().out


@pytest.mark.parametrize("f1", [0.91, 0.62, None])
def test_the_new_certificate_has_the_word_on_accuracy(
    manifest: Manifest, f1: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    certificates = tuple(
        replace(one, measured={**one.measured, "candidate_f1": f1, "changed_per_10k": 0.5})
        for one in manifest.certificates
    )
    with screen(verbose=False):
        kept = kept_profiles(manifest, replace(manifest, certificates=certificates), bundle="b")
    if f1 == 0.91:
        assert [one.measured for one in kept] == [{"p50_ms": 3.0, "f1": 0.91, "changed_per_10k": 0.5}]
    else:
        assert kept == ()
        assert "its F1 is not 0.9 on the text of the new certificate" in " ".join(capsys.readouterr().out.split())


def test_row_lengths_that_are_not_certified_are_dropped(manifest: Manifest) -> None:
    [profile] = manifest.profiles
    before = replace(manifest, profiles=(replace(profile, lengths=(3, 5)),))
    assert kept_profiles(before, manifest, bundle="b") == ()


def test_the_command_asks_for_what_was_wanted(manifest: Manifest, tmp_path: Path) -> None:
    """The command is one that export.tune takes: it gets as far as looking for the bundle."""
    command = command_of(manifest.profiles[0], str(tmp_path / "no bundle"))
    *_, bundle = shlex.split(command)[:4]
    assert bundle == str(tmp_path / "no bundle")
    assert command.endswith("--goal latency --p99 20ms --at 20000/s --f1-floor 0.9 --memory 1073741824B --profile mine")
    with pytest.raises(BundleError):
        main(shlex.split(command)[3:])
