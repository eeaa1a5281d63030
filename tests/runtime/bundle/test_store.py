"""A bundle is refused if one byte of it is not what was sealed, and says which and what to do."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.bundle.certificate import Wanted
from runtime.bundle.store import MANIFEST, Candidate, open_bundle, seal, sealed_files
from runtime.errors import BundleError, UncertifiedError
from runtime.tagger import Tagger
from tests.conftest import ROOT
from tests.lookup import lookup_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that a test may break."""
    return lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})


def test_sealed_bundle_opens_as_it_was_sealed(bundle: Path) -> None:
    opened = open_bundle(bundle)
    before = (bundle / MANIFEST).read_bytes()
    seal(bundle, opened.manifest)
    assert (bundle / MANIFEST).read_bytes() == before
    assert open_bundle(bundle).manifest == opened.manifest


@pytest.mark.parametrize("seed", range(8))
def test_one_changed_byte_anywhere_is_refused(bundle: Path, seed: int) -> None:
    chance = random.Random(seed)
    # The report for people is no part of what is sealed.
    for file in sorted(bundle / name for name in sealed_files(bundle) if (bundle / name).exists()):
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
    graph.write_bytes(graph.read_bytes()[:100])
    with pytest.raises(BundleError, match=rf"{graph.name}: 100 bytes where the manifest says {size:,}; make it again"):
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


def test_a_path_may_be_a_string(bundle: Path) -> None:
    assert open_bundle(str(bundle)).manifest == open_bundle(bundle).manifest


def test_a_machine_without_a_place_for_temporary_files_is_told(bundle: Path) -> None:
    code = "import sys, tempfile; tempfile.tempdir = sys.argv[2]\n"
    code += "from runtime import Tagger, NerveError\n"
    code += "try: Tagger.open(sys.argv[1])\nexcept NerveError as error: print(error)"
    line = [sys.executable, "-c", code, str(bundle), str(bundle / "none")]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("temporary files: there is no place for them (No such file or directory); let TMPDIR")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_links_are_followed_as_a_hub_cache_has_them(backend: str, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    for number, file in enumerate(sorted(bundle.iterdir())):
        blob = tmp_path / "blobs" / f"{number:x}"
        blob.parent.mkdir(exist_ok=True)
        file.rename(blob)
        file.symlink_to(Path("..") / "blobs" / blob.name)
    wanted = Wanted(backend=backend, precision="fp32")
    with Tagger.open(str(bundle), candidate=wanted, threads=1, allow_uncertified=True) as tagger:
        assert tagger.tag([""]) == [[]]


def test_a_bundle_on_a_file_system_that_is_read_only(bundle: Path) -> None:
    code = "import sys; from runtime import Tagger; print(Tagger.open(sys.argv[1], threads=1).tag(['']))"
    mount = f'mount --bind "{bundle}" "{bundle}" && mount -o remount,ro,bind "{bundle}" || exit 77; exec "$@"'
    line = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", code, str(bundle)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this user may not mount")
    assert (done.returncode, done.stdout) == (0, "[[]]\n"), done.stderr


def test_graphs_are_found_by_precision_and_by_file(bundle: Path) -> None:
    opened = open_bundle(bundle)
    [graph] = opened.manifest.graphs
    assert opened.graph("fp32") == opened.graph_in(graph.file) == opened.part(graph.file) == graph
    with pytest.raises(BundleError) as caught:
        opened.graph("int8")
    assert str(caught.value) == f"{bundle}: no int8 graph (it holds: fp32); choose one of these"
    bare = replace(opened, manifest=replace(opened.manifest, graphs=()))
    with pytest.raises(BundleError, match=r"it holds: none"):
        bare.graph("fp32")
    assert sorted(opened.shared_files) == ["config.json", "tokenizer.json"]
    assert opened.file("x") == bundle / "x"
    assert replace(opened, files_at=Path("/elsewhere")).file("x") == Path("/elsewhere/x")


def test_files_of_a_sealed_bundle_and_of_nothing_else(bundle: Path) -> None:
    assert sealed_files(bundle) == {MANIFEST, "manifest.sig", "config.json", "tokenizer.json", "padded-fp32.onnx"}
    value = json.loads((bundle / MANIFEST).read_text())
    for change in ({"max_length": 65}, {"digest": "0"}):
        (bundle / MANIFEST).write_text(json.dumps({**value, **change}))
        with pytest.raises(BundleError) as caught:
            sealed_files(bundle)
        told = f"{bundle / MANIFEST}: its digest does not match its content; make it again with `make export`"
        assert str(caught.value) == told
    (bundle / MANIFEST).write_text("[]")
    with pytest.raises(BundleError, match=rf"^{bundle / MANIFEST}: not a manifest \(no object with a schema\)"):
        sealed_files(bundle)
