"""What is served is what was verified: bytes that change under an open tagger, or before it, change no answer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.bundle.certificate import Probe
from runtime.bundle.private_files import PrivateFiles
from runtime.bundle.store import Bundle, open_bundle, seal
from runtime.encode.tokenizer import Encoder
from runtime.errors import BackendError, BundleError, UncertifiedError
from runtime.self_check import self_check
from runtime.tagger import Tagger
from tests.lookup import LABELS, lookup_bundle

GRAPH = "padded-fp32.onnx"
TEXT = "Paris and Rome"


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small bundle, and a place for temporary files that a test may look into."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})


def overwrite(path: Path) -> None:
    """Other bytes, in place."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


def truncate(path: Path) -> None:
    os.truncate(path, 10)


@pytest.mark.parametrize("harm", [overwrite, truncate, Path.unlink])
def test_an_open_tagger_does_not_see_what_happens_to_its_files(bundle: Path, harm: Callable[[Path], None]) -> None:
    with Tagger.open(bundle, threads=1) as tagger:
        before = tagger.tag([TEXT])
        for file in sorted(bundle.iterdir()):
            harm(file)
        assert tagger.tag([TEXT]) == before
        assert [entity.text for entity in before[0]] == ["Paris"]


def test_no_copy_is_left_behind(bundle: Path, tmp_path: Path) -> None:
    Tagger.open(bundle, threads=1).close()
    overwrite(bundle / GRAPH)
    with pytest.raises(BundleError):
        Tagger.open(bundle, threads=1)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_bundle_that_was_verified_once_is_verified_again_when_it_is_loaded(bundle: Path) -> None:
    opened = open_bundle(bundle)
    overwrite(bundle / GRAPH)
    with pytest.raises(BundleError, match=rf"{GRAPH}: sha256 .* so it was changed"):
        Tagger.open(opened, threads=1)


def test_every_file_of_a_folder_is_verified_and_not_only_those_that_are_loaded(bundle: Path, tmp_path: Path) -> None:
    opened = open_bundle(bundle)
    (bundle / "other.onnx").write_bytes(b"another graph")
    graph = replace(opened.manifest.graphs[0], file="other.onnx", precision="fp16")
    from runtime.bundle.store import digest_of

    files = {**opened.manifest.files, "other.onnx": digest_of(bundle / "other.onnx")}
    seal(bundle, replace(opened.manifest, files=files, graphs=(*opened.manifest.graphs, graph)))
    Tagger.open(bundle, threads=1).close()
    overwrite(bundle / "other.onnx")
    with pytest.raises(BundleError, match=r"other\.onnx: sha256"):
        Tagger.open(bundle, threads=1)


def probed(bundle: Path, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Bundle:
    """The bundle with a certificate whose answers are changed, sealed again."""
    opened = open_bundle(bundle)
    (certificate,) = opened.manifest.certificates
    told = np.frombuffer(bytes.fromhex(certificate.probe.logits), "<f4")
    probe = Probe(certificate.probe.texts, change(told).astype("<f4").tobytes().hex())
    seal(bundle, replace(opened.manifest, certificates=(replace(certificate, probe=probe),)))
    return open_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told + 0.01,
        lambda told: told[:-1],
        lambda told: told[:0],
        lambda told: told * np.nan,
    ],
)
def test_a_candidate_that_answers_otherwise_than_when_it_was_certified_is_not_served(
    bundle: Path, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    Tagger.open(probed(bundle, lambda told: told + 1e-5), threads=1).close()
    changed = probed(bundle, change)
    with pytest.raises(UncertifiedError, match="answers otherwise than when it was certified"):
        Tagger.open(changed, threads=1)
    Tagger.open(changed, threads=1, allow_uncertified=True).close()


def test_texts_of_which_nothing_is_computed_check_nothing(bundle: Path) -> None:
    (certificate,) = open_bundle(bundle).manifest.certificates
    row = np.where(np.array(LABELS) == "O", 0, -1e4).astype("<f4")
    nothing = replace(certificate, probe=Probe((("\u200b",), ("\u200b",)), np.tile(row, 2).tobytes().hex()))
    with pytest.raises(UncertifiedError, match="answers otherwise than when it was certified"):
        self_check(nothing, lambda texts: np.tile(row, (2, 1)))
    words = Probe((("\u200b",), ("Paris",)), np.concatenate([row, row * 0 + 1]).tobytes().hex())
    self_check(replace(certificate, probe=words), lambda texts: np.stack([row, row * 0 + 1]))
    # A checkpoint may rule out a label by such a weight.
    weighed = (row + 0.5).astype("<f4")
    ruled_out = Probe((("Paris",),), weighed.tobytes().hex())
    self_check(replace(certificate, probe=ruled_out), lambda texts: np.stack([weighed]).astype(np.float32))


def test_the_tolerance_is_of_the_largest_logit_and_of_the_precision(bundle: Path) -> None:
    (certificate,) = open_bundle(bundle).manifest.certificates
    told = np.frombuffer(bytes.fromhex(certificate.probe.logits), "<f4")

    def answer(by: float) -> Callable[[Sequence[Sequence[str]]], NDArray[np.float32]]:
        return lambda texts: (told + np.float32(by * 2.5)).reshape(-1, len(LABELS))

    assert told.max() == 2.5
    self_check(certificate, answer(9e-5))
    with pytest.raises(UncertifiedError, match=r"logits 0\.00011 of the largest apart, at most 0\.0001"):
        self_check(certificate, answer(1.1e-4))
    self_check(replace(certificate, precision="int8"), answer(0.049))
    with pytest.raises(UncertifiedError):
        self_check(replace(certificate, precision="int8"), answer(0.051))


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_answers_that_are_no_numbers_are_refused_and_the_text_is_named(bundle: Path, value: str) -> None:
    encoder = Encoder(bundle / "tokenizer.json")
    (paris,) = encoder.encode_words([("Paris",)]).ids.tolist()

    class Broken(Fake):
        def logits(self, batch: Batch) -> NDArray[np.float32]:
            found = super().logits(batch)
            found[batch.input_ids == paris] = float(value)
            return found

    backend = Broken(len(LABELS), np.zeros_like)
    tagger = Tagger(encoder, LABELS, backend, max_length=64, vocabulary=100, about="a graph on a backend")
    assert tagger.tag(["Rome", "Oslo"]) == [[], []]
    with pytest.raises(BackendError, match=r"a graph on a backend: logits that are not finite .* first in text 2 of 3"):
        tagger.tag(["Rome", "to Paris", "Paris"])


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_holds_is_not(bundle: Path, tmp_path: Path) -> None:
    place = tmp_path / "tmp"
    dead, foreign, young = place / "nerve-private-dead", place / "somebody", place / "nerve-private-young"
    for folder in (dead, foreign, young):
        folder.mkdir()
        (folder / ".nerve-private").touch()
    with PrivateFiles(open_bundle(bundle)) as live:
        (held,) = {*place.iterdir()} - {dead, foreign, young}
        for folder in (dead, foreign, held):
            os.utime(folder, (1, 1))
        live.add(["config.json"])
        os.utime(held, (1, 1))
        Tagger.open(bundle, threads=1).close()
        assert {*place.iterdir()} == {foreign, young, held}
    assert {*place.iterdir()} == {foreign, young}
