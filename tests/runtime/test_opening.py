"""What a Tagger is made of is opened once: an open bundle is not read again, and a choice is what runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.backends.base import BackendOptions
from runtime.bundle.certificate import AUTO, Wanted
from runtime.bundle.manifest import OneTextSpeed, Speed
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import open_bundle
from runtime.errors import BackendError, BundleError
from runtime.opening import covered, open_model
from runtime.selection import choose
from runtime.tagger import Tagger
from tests.lookup import lookup_bundle


def test_what_is_opened_is_said(tmp_path: Path) -> None:
    folder = lookup_bundle(tmp_path / "bundle", {"Oslo": "B-LOC"})
    model = open_model(folder, candidate=Wanted(backend="onnxruntime"), goal="latency", threads=1)
    assert model.about == "padded-fp32.onnx on onnxruntime in fp32, cpu, speed not measured"
    assert model.backend.streams == 1
    tagger = Tagger.of_model(model)
    assert [entity.text for entity in tagger.tag(["in Oslo"])[0]] == ["Oslo"]
    tagger.close()


def test_of_a_bundle_that_is_open_what_is_loaded_is_verified_again(tmp_path: Path) -> None:
    folder = lookup_bundle(tmp_path / "bundle", {"Oslo": "B-LOC"})
    opened = open_bundle(folder)
    with Tagger.open(opened) as tagger:
        assert tagger.tag(["in Oslo"])[0][0].label == "LOC"
    (folder / "config.json").write_text("{ }")
    for given in (opened, folder):
        with pytest.raises(BundleError, match=r"config\.json"):
            Tagger.open(given)


def test_a_choice_that_cannot_be_had_opens_nothing(tmp_path: Path) -> None:
    folder = lookup_bundle(tmp_path / "bundle", {"Oslo": "B-LOC"})
    with pytest.raises(BackendError, match="backend 'bogus': unknown; choose one of auto, onnxruntime"):
        open_model(folder, candidate=Wanted(backend="bogus"))
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="there is no such folder"):
        open_model(folder)


def test_rows_of_one_length_are_served_only_where_the_certificate_covers_just_these(tmp_path: Path) -> None:
    held = open_bundle(lookup_bundle(tmp_path / "bundle", {"Oslo": "B-LOC"}))
    [certificate] = held.manifest.certificates
    options = BackendOptions(threads=1, goal="latency", lengths=(16, 32))
    assert covered(options, replace(certificate, rows=(16, 32))) == options
    for rows in ((), (16,), (16, 32, 64)):
        assert covered(options, replace(certificate, rows=rows)).lengths == ()
    # A manifest of an earlier version, or of somebody who would like to be faster.
    speed = Speed(certificate.candidate, 100.0, "a machine", OneTextSpeed(1.0, 1.0, 1, (16, 32)))
    profile = RunProfile("fast", choose(held, AUTO), "latency", 1, 1, 256, (16, 32))
    tuned = replace(held, manifest=replace(held.manifest, speeds=(speed,), profiles=(profile,)))
    for name in ("", "fast"):
        with Tagger.open(tuned, goal="latency", profile=name) as tagger:
            assert "rows of one length are left out" in tagger.about
            assert [entity.text for entity in tagger.tag(["in Oslo"])[0]] == ["Oslo"]
    with Tagger.open(tuned) as tagger:
        assert "left out" not in tagger.about
