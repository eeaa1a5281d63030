"""A bundle is refused if one byte of it is not what was sealed, and says which and what to do."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.bundle.store import MANIFEST, Candidate, open_bundle, seal
from runtime.errors import BundleError, UncertifiedError


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may break."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def test_sealed_bundle_opens_as_it_was_sealed(bundle: Path) -> None:
    opened = open_bundle(bundle)
    before = (bundle / MANIFEST).read_bytes()
    seal(bundle, opened.manifest)
    assert (bundle / MANIFEST).read_bytes() == before
    assert open_bundle(bundle).manifest == opened.manifest


@pytest.mark.parametrize("seed", range(8))
def test_one_changed_byte_anywhere_is_refused(bundle: Path, seed: int) -> None:
    chance = random.Random(seed)
    for file in sorted(bundle.iterdir()):
        intact = file.read_bytes()
        place = chance.randrange(len(intact))
        changed = bytes([intact[place] ^ (1 << chance.randrange(8))])
        file.write_bytes(intact[:place] + changed + intact[place + 1 :])
        with pytest.raises(BundleError, match=file.name):
            open_bundle(bundle)
        file.write_bytes(intact)
    open_bundle(bundle)


def test_white_space_in_the_manifest_is_a_change(bundle: Path) -> None:
    manifest = bundle / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text())))
    with pytest.raises(BundleError, match="digest"):
        open_bundle(bundle)


def test_truncated_file_is_refused_with_both_sizes(bundle: Path) -> None:
    graph = next(bundle.glob("*.onnx"))
    size = graph.stat().st_size
    graph.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(
        BundleError, match=rf"{graph.name}: 1,000 bytes where the manifest says {size:,}; make it again"
    ):
        open_bundle(bundle)


@pytest.mark.parametrize(("name", "found"), [("tokenizer.json", "No such file"), (MANIFEST, "never sealed")])
def test_missing_file_is_named(bundle: Path, name: str, found: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=found):
        open_bundle(bundle)


def test_missing_folder_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such folder; run `make export`"):
        open_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "{", '{"schema": 1}'])
def test_what_is_not_a_manifest_is_refused(bundle: Path, content: str) -> None:
    (bundle / MANIFEST).write_text(content)
    with pytest.raises(BundleError, match=MANIFEST):
        open_bundle(bundle)


def test_other_schema_is_named(bundle: Path) -> None:
    (bundle / MANIFEST).write_text('{"schema": 99}')
    with pytest.raises(BundleError, match="schema 99, this version of Nerve reads schema"):
        open_bundle(bundle)


def test_candidate_without_certificate_is_refused(bundle: Path) -> None:
    opened = open_bundle(bundle)
    graph = opened.manifest.graphs[0]
    with pytest.raises(UncertifiedError, match="no certificate"):
        opened.certificate(Candidate(graph.file, "onnxruntime", "fp32", "cuda"))
    failed = tuple(replace(certificate, passed=False) for certificate in opened.manifest.certificates)
    seal(bundle, replace(opened.manifest, certificates=failed))
    with pytest.raises(UncertifiedError, match="failed the gate"):
        open_bundle(bundle).certificate(Candidate(graph.file, "onnxruntime", "fp32", "cpu"))


def test_certificate_holds_for_patch_releases_alone(bundle: Path) -> None:
    certificate = open_bundle(bundle).manifest.certificates[0]
    measured = certificate.versions["onnxruntime"]
    major, minor, *_ = measured.split(".")
    certificate.check_version("onnxruntime", f"{major}.{minor}.99")
    with pytest.raises(UncertifiedError, match=f"certified with onnxruntime {measured}, here is 0.1"):
        certificate.check_version("onnxruntime", "0.1.0")
