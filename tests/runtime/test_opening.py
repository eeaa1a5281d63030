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
from runtime.bundle.certificate import AUTO, Certificate, Probe, Wanted
from runtime.bundle.manifest import OneTextSpeed, Speed
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.errors import BackendError, BundleError, UncertifiedError
from runtime.opening import OpenModel, checked_model, covered, open_model
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
    on_openvino = replace(certificate, backend="openvino")
    options = BackendOptions(threads=1, goal="latency", lengths=(16, 32, 128))
    assert covered(options, replace(on_openvino, rows=(16, 32, 128))) == options
    for rows in ((), (16,), (8, 16, 32, 64, 128)):
        assert covered(options, replace(on_openvino, rows=rows)).lengths == ()
    # What earlier versions certified: each length had a compiled model of its own, which added in another order.
    earlier = (16, 24, 32, 48, 64, 96, 128)
    assert covered(replace(options, lengths=earlier), replace(on_openvino, rows=earlier)).lengths == ()
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
    """Answers otherwise in single rows of one length, or in all others, as one of several compiled graphs might."""

    def __init__(self, length: int, lengths: tuple[int, ...] = (16, 24, 64)) -> None:
        super().__init__(len(LABELS), lambda ids: ids % len(LABELS), layout="packed")
        self._wrong, self._lengths = length, lengths

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        found = super().logits(batch)
        rows, length = batch.input_ids.shape
        graph = next((each for each in self._lengths if rows == 1 and length <= each), 0)
        return found + 1 if graph == self._wrong else found


def _model(backend: Wrong, folder: Path) -> tuple[OpenModel, Certificate]:
    """A model, and a certificate of what it says where it is sound."""
    bundle = open_bundle(lookup_bundle(folder, {"Oslo": "B-LOC"}))
    encoder, texts = Encoder(bundle.file("tokenizer.json")), (("in", "Oslo"), *[("Lake", "Victoria", ".")] * 8)
    sound = Tagger(encoder, LABELS, Wrong(-1), max_length=64, vocabulary=100)
    probe = Probe(texts, sound.word_logits(texts).astype("<f4").tobytes().hex())
    model = OpenModel(bundle.manifest, encoder, backend, "a graph")
    return model, replace(bundle.manifest.certificates[0], probe=probe)


@pytest.mark.parametrize("words", [5, 15, 40, 62, 90])
def test_no_graph_answers_before_it_was_checked(tmp_path: Path, words: int) -> None:
    """Graphs for single rows of 16, 24 and 64 tokens, and one for all other rows."""
    text = ["Oslo"] * words
    graph = next((each for each in (16, 24, 64) if words + 2 <= each), 0)
    for wrong in (16, 24, 64, 0):
        model, certificate = _model(Wrong(wrong), tmp_path / f"bundle{wrong}")
        if wrong == 64:  # the six texts that are asked at opening take 29 tokens
            with pytest.raises(UncertifiedError, match="answers otherwise than when it was certified"):
                checked_model(model, certificate, lengths=(16, 24, 64, 96))
            assert isinstance(model.backend, Wrong)
            assert model.backend.closed
            continue
        # A row of 96 is beyond this model, and no backend has it.
        tagger = Tagger.of_model(checked_model(model, certificate, lengths=(16, 24, 64, 96)))
        for _ in range(2):
            if wrong == graph:
                with pytest.raises(UncertifiedError, match="answers otherwise than when it was certified"):
                    tagger.tag_words([text])
            else:
                assert len(tagger.tag_words([text])[0]) == words


def test_a_length_is_checked_once_with_one_row(tmp_path: Path) -> None:
    model, certificate = _model(Wrong(-1), tmp_path / "bundle")
    backend = model.backend
    assert isinstance(backend, Wrong)
    tagger = Tagger.of_model(checked_model(model, certificate, lengths=(16, 24, 64)))
    assert backend.shapes == [(1, 29)]
    for shapes in ([(1, 16), (1, 3)], [(1, 3)]):
        before = len(backend.shapes)
        tagger.tag(["Oslo"])
        assert backend.shapes[before:] == shapes


class Kept:
    """What keeps a compiled graph, and notes what becomes of it."""

    def __init__(self, *, is_new: bool) -> None:
        self.is_new = is_new
        self.told: list[str] = []

    def keep(self) -> None:
        self.told.append("keep")

    def forget(self) -> None:
        self.told.append("forget")


@pytest.mark.parametrize("lengths", [(), (16, 24, 64)])
def test_what_was_compiled_is_kept_once_the_graph_for_any_rows_is_checked(
    tmp_path: Path, lengths: tuple[int, ...]
) -> None:
    """With graphs for single lengths, the texts that are asked at opening go through one of these."""
    sound, certificate = _model(Wrong(-1, lengths), tmp_path / "sound")
    kept = Kept(is_new=True)
    checked_model(sound, certificate, lengths=lengths, kept=kept)
    assert kept.told == ["keep"]
    wrong, certificate = _model(Wrong(0, lengths), tmp_path / "wrong")
    kept = Kept(is_new=True)
    with pytest.raises(UncertifiedError):
        checked_model(wrong, certificate, lengths=lengths, kept=kept)
    assert kept.told == ["forget"]
    assert isinstance(wrong.backend, Wrong)
    assert wrong.backend.closed


def test_what_is_kept_and_fails_at_its_first_rows_is_kept_no_longer(tmp_path: Path) -> None:
    model, certificate = _model(Wrong(0), tmp_path / "bundle")
    kept = Kept(is_new=False)
    tagger = Tagger.of_model(checked_model(model, certificate, lengths=(16, 24, 64), kept=kept))
    assert tagger.tag(["Oslo"])
    assert kept.told == ["keep"]  # which does nothing where it is kept
    with pytest.raises(UncertifiedError):
        tagger.tag_words([["Oslo"] * 90])
    assert kept.told == ["keep", "forget"]
