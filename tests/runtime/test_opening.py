"""What a Tagger is made of is opened once: an open bundle is not read again, and a choice is what runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.base import BackendOptions
from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.bundle.certificate import AUTO, Probe, Wanted
from runtime.bundle.manifest import OneTextSpeed, Speed
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.errors import BackendError, BundleError, UncertifiedError
from runtime.opening import OpenModel, check_model, covered, open_model
from runtime.selection import choose
from runtime.tagger import Tagger
from tests.lookup import LABELS, lookup_bundle


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


class Wrong(Fake):
    """Answers otherwise in single rows of one length, as a graph that was compiled for it might."""

    def __init__(self, length: int) -> None:
        super().__init__(len(LABELS), lambda ids: ids % len(LABELS), layout="packed")
        self._length = length

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        found = super().logits(batch)
        return found + 1 if batch.input_ids.shape == (1, self._length) else found


@pytest.mark.parametrize("length", [16, 24, 64])
def test_the_self_check_asks_rows_of_every_length(tmp_path: Path, length: int) -> None:
    """Its texts are short: alone, they reached the shortest compiled row, and no longer one was ever checked."""
    bundle = open_bundle(lookup_bundle(tmp_path / "bundle", {"Oslo": "B-LOC"}))
    encoder, texts = Encoder(bundle.file("tokenizer.json")), (("in", "Oslo"), ("Lake", "Victoria", "."))
    sound = Tagger(encoder, LABELS, Wrong(0), max_length=64, vocabulary=100)
    probe = Probe(texts, sound.word_logits(texts).astype("<f4").tobytes().hex())
    certificate = replace(bundle.manifest.certificates[0], probe=probe)
    backend = Wrong(length)
    model = OpenModel(bundle.manifest, encoder, backend, "a graph")
    # A row of 96 is beyond this model, and no backend has it.
    check_model(model, certificate, lengths=tuple(each for each in (16, 24, 64, 96) if each != length))
    with pytest.raises(UncertifiedError, match="answers otherwise than when it was certified"):
        check_model(model, certificate, lengths=(16, 24, 64, 96))
    assert backend.closed
    assert all(len(shape) == 2 and shape[1] <= 64 for shape in backend.shapes)
