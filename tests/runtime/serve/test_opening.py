"""What the server opens, and what it refuses to: the same trust as everywhere, for the shadow as well."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from export.sign import main as sign
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import read_bundle, seal
from runtime.errors import BundleError, NerveError, UncertifiedError, UsageError
from runtime.serve.opening import open_service
from runtime.serve.options import parse
from tests.export.test_sign import key_pair
from tests.lookup import lookup_bundle

WORDS = {"Paris": "B-LOC"}


def opened(*arguments: object) -> str:
    """Open, say what was taken, and close."""
    service, about = open_service(parse([str(each) for each in arguments]))
    assert service.stop()
    return about


def with_little_text(folder: Path) -> Path:
    """A bundle that was certified on a tenth of the words that a certificate of the full grade needs."""
    manifest = read_bundle(lookup_bundle(folder, WORDS)).manifest
    (certificate,) = manifest.certificates
    few = replace(certificate, measured={**certificate.measured, "words": 1_000})
    seal(folder, replace(manifest, certificates=(few,)))
    return folder


def test_only_a_signed_bundle_is_served_where_that_is_required(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    bundle, private, public = lookup_bundle(tmp_path / "bundle", WORDS), *key_pair(tmp_path, "ours")
    with pytest.raises(BundleError, match="not signed"):
        opened("--bundle", bundle, "--require-signature", public)
    sign([str(bundle), "--key", str(private)])
    assert "onnxruntime" in opened("--bundle", bundle, "--require-signature", public)
    shadow = lookup_bundle(tmp_path / "shadow", WORDS)
    assert opened("--bundle", bundle, "--shadow", shadow)
    with pytest.raises(BundleError, match="not signed"):
        opened("--bundle", bundle, "--shadow", shadow, "--require-signature", public)


def test_limited_evidence_is_served_only_where_that_was_asked_for(tmp_path: Path) -> None:
    bundle = with_little_text(tmp_path / "bundle")
    with pytest.raises(UncertifiedError, match="limited evidence"):
        opened("--bundle", bundle)
    assert "onnxruntime" in opened("--bundle", bundle, "--limited-evidence")
    whole = lookup_bundle(tmp_path / "whole", WORDS)
    with pytest.raises(UncertifiedError, match="limited evidence"):
        opened("--bundle", whole, "--shadow", bundle)


def test_rows_that_no_certificate_covers_are_left_out_and_this_is_said(tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", WORDS)
    manifest = read_bundle(bundle).manifest
    profile = RunProfile("fast", manifest.certificates[0].candidate, "latency", 1, 1, 256, (16, 32))
    seal(bundle, replace(manifest, profiles=(profile,)))
    said = "rows of one length are left out"
    assert said in opened("--bundle", bundle, "--profile", "fast", "--not-reproducible")
    assert said not in opened("--bundle", bundle, "--profile", "fast")


def test_a_shadow_has_the_same_types(tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", WORDS)
    other = lookup_bundle(tmp_path / "other", WORDS, labels=("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"))
    with pytest.raises(UsageError, match="take a shadow bundle with the same types"):
        opened("--bundle", bundle, "--shadow", other)


def test_labels_have_presidios_names(tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", WORDS)
    service, _ = open_service(parse(["--bundle", str(bundle), "--presidio-label", "PER=HUMAN"]))
    assert service.about.presidio == {"LOC": "LOCATION", "PER": "HUMAN"}
    service.stop()
    with pytest.raises(NerveError, match="no entity type 'DOG'"):
        opened("--bundle", bundle, "--presidio-label", "DOG=PET")


def test_what_everybody_is_told_names_no_folders_of_the_machine(tmp_path: Path) -> None:
    manifest = read_bundle(lookup_bundle(tmp_path, WORDS)).manifest
    corpus, elsewhere = "/home/anna/corpora/conll2003/valid.txt", "/home/anna/news/valid.txt"
    held = replace(manifest.certificates[0], corpus=corpus, elsewhere=elsewhere)  # as in bundles of before
    source = replace(manifest.checkpoint, name="/home/anna/checkpoints/minilm")
    seal(tmp_path, replace(manifest, certificates=(held,), checkpoint=source))
    service, _ = open_service(parse(["--bundle", str(tmp_path)]))
    told = json.dumps(service.about.info) + service.metrics.text().decode()
    service.stop()
    assert {name in told for name in ("conll2003/valid.txt", "news/valid.txt", "checkpoints/minilm")} == {True}
    assert {name in told for name in ("anna", str(tmp_path.parent))} == {False}
