"""Every integration asks of a bundle what the command asks: full evidence unless told, and a signature where told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export.sign import main as sign
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import open_bundle, seal
from runtime.errors import BundleError, UncertifiedError, UsageError
from runtime.integrations._open import Opening, open_tagger
from runtime.selection import choose
from tests.export.test_sign import key_pair
from tests.lookup import lookup_bundle

WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"}


def _tagger(bundle: str, **asked: Any) -> None:
    open_tagger(bundle, Opening(threads=1, **asked)).close()


def _tag_batch(bundle: str, **asked: Any) -> None:
    from runtime.integrations.tag_batch import TagBatch

    assert TagBatch(bundle, threads=1, **asked).tag(["Paris"])[0][0]


def _pipeline(bundle: str, **asked: Any) -> None:
    from runtime.integrations.hf_pipeline import pipeline

    assert pipeline("ner", bundle, candidate=Opening(threads=1, **asked))("Paris")


def _presidio(bundle: str, **asked: Any) -> None:
    pytest.importorskip("presidio_analyzer")
    from runtime.integrations.presidio import NerveRecognizer

    NerveRecognizer(bundle, threads=1, **asked).load()


def _spacy(bundle: str, **asked: Any) -> None:
    spacy = pytest.importorskip("spacy")
    from runtime.integrations import spacy_component

    assert spacy_component
    nlp = spacy.blank("en")
    nlp.add_pipe("nerve_ner", config={"bundle": bundle, "threads": 1, **asked})
    assert nlp("Paris").ents


def _haystack(bundle: str, **asked: Any) -> None:
    pytest.importorskip("haystack")
    from runtime.integrations.haystack import NerveEntityExtractor

    made = NerveEntityExtractor(bundle, threads=1, **asked)
    assert made.to_dict()["init_parameters"].items() >= asked.items()
    made.warm_up()


EACH = pytest.mark.parametrize("opened", [_tagger, _tag_batch, _pipeline, _presidio, _spacy, _haystack])


@EACH
def test_limited_evidence_must_be_asked_for(opened: Callable[..., None], tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", WORDS)
    manifest = open_bundle(bundle).manifest
    (certificate,) = manifest.certificates
    little = replace(certificate, measured={**certificate.measured, "words": 212})
    seal(bundle, replace(manifest, certificates=(little,)))
    with pytest.raises(UncertifiedError, match="212"):
        opened(str(bundle))
    opened(str(bundle), limited=True)


@EACH
def test_a_signature_is_asked_for_where_a_key_is_given(opened: Callable[..., None], tmp_path: Path) -> None:
    bundle, (key, public) = lookup_bundle(tmp_path / "bundle", WORDS), key_pair(tmp_path, "key")
    opened(str(bundle))
    with pytest.raises(BundleError, match="not signed"):
        opened(str(bundle), public_key=str(public))
    assert sign([str(bundle), "--key", str(key)]) == 0
    opened(str(bundle), public_key=str(public))
    with pytest.raises(BundleError, match="not signed by the holder"):
        opened(str(bundle), public_key=str(key_pair(tmp_path, "other")[1]))


@EACH
def test_a_profile_says_how_the_bundle_is_opened(opened: Callable[..., None], tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", WORDS)
    held = open_bundle(bundle)
    profile = RunProfile("mine", choose(held), "latency", 1, 1, 256)
    seal(bundle, replace(held.manifest, profiles=(profile,)))
    with pytest.raises(UsageError, match=r"this bundle has no such profile \(it has: mine\)"):
        opened(str(bundle), profile="other")
    opened(str(bundle), profile="mine")


def test_a_tagger_is_opened_as_its_profile_says(tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", WORDS)
    held = open_bundle(bundle)
    profile = RunProfile("mine", choose(held), "latency", 1, 1, 128)
    seal(bundle, replace(held.manifest, profiles=(profile,)))
    with open_tagger(bundle, Opening(profile="mine")) as tagger:
        assert (tagger.backend.streams, tagger.backend.packing.slots) == (1, 128)
        assert "; profile mine" in tagger.about
