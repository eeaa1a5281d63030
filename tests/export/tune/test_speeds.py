"""Speeds are measured for every certified candidate and sealed into the bundle, and "auto" goes by them."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.tune.__main__ import main
from export.tune.speeds import seconds_a_token, sentences, tuned
from runtime.bundle.store import open_bundle, seal
from runtime.selection import PYTORCH, choose
from tests.conftest import Command
from tests.fakes.cuda import FakeCuda
from tests.fakes.tensorrt_rtx import FakeRtx
from tests.runtime.backends.tensorrt.test_portable import CANDIDATE, answer, opened, portable_bundle


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may change."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def test_export_has_measured_every_certified_candidate(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    certified = [one.candidate for one in manifest.certificates]
    assert [speed.candidate for speed in manifest.speeds] == [*certified, PYTORCH]
    assert all(speed.tokens_per_second > 0 for speed in manifest.speeds)
    assert all("threads" in speed.machine for speed in manifest.speeds)


def test_tuning_measures_again_and_seals(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = open_bundle(bundle).manifest
    seal(bundle, replace(before, speeds=()))
    assert main([str(bundle), "--threads", "1", "--verbose"]) == 0
    after = open_bundle(bundle).manifest
    assert [one.candidate for one in after.speeds] == [one.candidate for one in before.speeds]
    assert replace(after, speeds=()) == replace(before, speeds=())
    said = " ".join(capsys.readouterr().out.split())
    taken = choose(open_bundle(bundle))
    assert f"auto takes {taken}" in said
    assert re.search(r"tokens a second [\d.]+ x PyTorch 0 of [\d,]+ labels changed [\d.]+ ms a text ", said)
    assert f"one text at a time: {choose(open_bundle(bundle), goal='latency')}, " in said
    assert taken == max(after.speeds, key=lambda speed: speed.tokens_per_second).candidate


def test_median_of_the_rounds_counts(tiny_bundle: Path) -> None:
    # Each look at the clock comes a second later: every measurement takes exactly one.
    clock = itertools.count(0.0, 1.0)
    speeds = tuned(open_bundle(tiny_bundle), threads=1, checkpoint=Path("nowhere"), clock=lambda: next(clock))
    assert len({speed.tokens_per_second for speed in speeds}) == 1


def test_a_portable_engine_is_compiled_for_all_its_batches_and_leaves_that_in_the_cache(tmp_path: Path) -> None:
    bundle = portable_bundle(tmp_path)
    batches = bundle.manifest.engines[0].profiles
    for compiled in (len(batches), 0):
        library = FakeRtx(FakeCuda(), answer)
        backend = opened(bundle, library, cache=str(tmp_path))
        (seconds,) = seconds_a_token([CANDIDATE], {CANDIDATE: backend}.__getitem__, np.array([5, 20]), bundle.manifest)
        assert seconds > 0
        assert library.compiled == compiled


def test_checkpoint_that_is_gone_is_said_to_be(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = open_bundle(bundle).manifest
    seal(bundle, replace(before, checkpoint=replace(before.checkpoint, name="nowhere")))
    assert main([str(bundle), "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "not measured: the checkpoint in PyTorch, since nowhere is no folder; give it with --model\n" in said
    assert "x PyTorch" not in said


def test_sentences_are_as_long_as_those_of_news() -> None:
    lengths = sentences(20_000, longest=126)
    assert 20_000 <= lengths.sum() < 20_126
    assert 15 < lengths.mean() < 25
    assert (lengths.min(), lengths.max()) == (1, 126)


def test_bundle_without_certificates_cannot_be_tuned(bundle: Path, command: Command) -> None:
    seal(bundle, replace(open_bundle(bundle).manifest, certificates=()))
    said = command("export.tune", bundle)
    assert said.returncode == 2
    assert "no certified candidate that this machine can run; certify it with" in said.stderr
