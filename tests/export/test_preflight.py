"""What export finds out before torch is loaded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from export.certify.corpus import Text, read_text
from export.engines.options import NO_ENGINES, TensorRTOptions
from export.options import VariantOptions
from export.preflight import check_tokenizer, is_up_to_date
from runtime.bundle.checkpoint import Checkpoint, open_checkpoint
from runtime.bundle.store import Manifest, digest_of, open_bundle, seal
from runtime.errors import CheckpointError
from runtime.system.cpu import CpuFeature, cpu_features
from tests.conftest import ROOT

FP32 = VariantOptions()
INT8 = VariantOptions(("int8",))
INT8_TENSORRT = VariantOptions(("int8",), for_tensorrt=True)
SEVEN_BIT = VariantOptions(("int8",), seven_bit=True)


@pytest.fixture
def checkpoint(tiny_model: Path) -> Checkpoint:
    return open_checkpoint(tiny_model)


@pytest.fixture
def text(tiny_corpus: Path) -> Text:
    return read_text(tiny_corpus, most=0)


def changed(bundle: Path, folder: Path, manifest: Manifest) -> Path:
    """A copy of a bundle with another manifest."""
    copy = Path(shutil.copytree(bundle, folder / "bundle"))
    seal(copy, manifest)
    return copy


def test_a_bundle_of_the_same_checkpoint_text_and_libraries_is_up_to_date(
    tiny_bundle: Path, checkpoint: Checkpoint, text: Text, tmp_path: Path
) -> None:
    assert is_up_to_date(tiny_bundle, checkpoint, text, FP32, tensorrt=NO_ENGINES)
    assert not is_up_to_date(tmp_path / "nothing", checkpoint, text, FP32, tensorrt=NO_ENGINES)
    assert not is_up_to_date(tiny_bundle, replace(checkpoint, sha256="0"), text, FP32, tensorrt=NO_ENGINES)
    assert not is_up_to_date(tiny_bundle, checkpoint, replace(text, sha256="0"), FP32, tensorrt=NO_ENGINES)
    # This machine may have no GPU at all; either way no engine is in the bundle.
    assert not is_up_to_date(tiny_bundle, checkpoint, text, FP32, tensorrt=TensorRTOptions(wanted=True))


def test_another_version_of_a_library_makes_it_out_of_date(
    tiny_bundle: Path, checkpoint: Checkpoint, text: Text, tmp_path: Path
) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    older = changed(tiny_bundle, tmp_path, replace(manifest, versions={**manifest.versions, "onnx": "1.0"}))
    assert not is_up_to_date(older, checkpoint, text, FP32, tensorrt=NO_ENGINES)


def test_every_graph_that_is_asked_for_must_be_there(
    tiny_bundle: Path, checkpoint: Checkpoint, text: Text, tmp_path: Path
) -> None:
    assert not is_up_to_date(tiny_bundle, checkpoint, text, INT8, tensorrt=NO_ENGINES)
    manifest = open_bundle(tiny_bundle).manifest
    # Which file it is does not matter: whether it holds what its name says is not asked here.
    int8 = replace(manifest.graphs[1], precision="int8")
    certificates = tuple(each for each in manifest.certificates if each.file != int8.file)
    graphs = (manifest.graphs[0], int8)
    held = replace(manifest, graphs=graphs, certificates=certificates, attestations=(), speeds=())
    with_int8 = changed(tiny_bundle, tmp_path, held)
    assert is_up_to_date(with_int8, checkpoint, text, INT8, tensorrt=NO_ENGINES)
    assert not is_up_to_date(with_int8, checkpoint, text, SEVEN_BIT, tensorrt=NO_ENGINES)
    # TensorRT has an int8 graph of its own.
    assert not is_up_to_date(with_int8, checkpoint, text, INT8_TENSORRT, tensorrt=NO_ENGINES)
    shutil.copy(with_int8 / int8.file, with_int8 / "tensorrt.onnx")
    files = {**held.files, "tensorrt.onnx": digest_of(with_int8 / "tensorrt.onnx")}
    of_tensorrt = replace(int8, file="tensorrt.onnx", made_for="tensorrt")
    seal(with_int8, replace(held, files=files, graphs=(*graphs, of_tensorrt)))
    assert is_up_to_date(with_int8, checkpoint, text, INT8_TENSORRT, tensorrt=NO_ENGINES)


def test_a_model_that_cannot_be_packed_will_not_have_what_is_asked_for(
    tiny_bundle: Path, checkpoint: Checkpoint, text: Text, tmp_path: Path
) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    padded = manifest.graphs[0]
    assert padded.layout == "padded"
    certificates = tuple(each for each in manifest.certificates if each.file == padded.file)
    alone = replace(manifest, graphs=(padded,), certificates=certificates, attestations=(), speeds=(), failed=())
    assert is_up_to_date(changed(tiny_bundle, tmp_path, alone), checkpoint, text, INT8, tensorrt=NO_ENGINES)


def test_certificates_must_be_there_and_hold_on_this_cpu(
    tiny_bundle: Path, checkpoint: Checkpoint, text: Text, tmp_path: Path
) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    bare = changed(tiny_bundle, tmp_path, replace(manifest, certificates=()))
    assert not is_up_to_date(bare, checkpoint, text, FP32, tensorrt=NO_ENGINES)
    shutil.rmtree(bare)
    other: CpuFeature = "no vnni" if "vnni" in cpu_features() else "vnni"
    elsewhere = tuple(replace(each, cpu_requirements=(other,)) for each in manifest.certificates)
    void = changed(tiny_bundle, tmp_path, replace(manifest, certificates=elsewhere))
    assert not is_up_to_date(void, checkpoint, text, FP32, tensorrt=NO_ENGINES)


def test_certificates_of_before_there_were_rows_of_one_length_are_made_again(
    tiny_bundle: Path, checkpoint: Checkpoint, text: Text, tmp_path: Path
) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    assert any(each.rows for each in manifest.certificates)
    without = tuple(replace(each, rows=()) for each in manifest.certificates)
    old = changed(tiny_bundle, tmp_path, replace(manifest, certificates=without))
    assert not is_up_to_date(old, checkpoint, text, FP32, tensorrt=NO_ENGINES)


def test_a_tokenizer_that_the_runtime_cannot_use_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    check_tokenizer(open_checkpoint(tiny_model))
    small = Path(shutil.copytree(tiny_model, tmp_path / "small"))
    config = json.loads((small / "config.json").read_text())
    (small / "config.json").write_text(json.dumps({**config, "vocab_size": 40}))
    with pytest.raises(CheckpointError, match=r"its ids reach \d+, the model's embedding table ends at 39"):
        check_tokenizer(open_checkpoint(small))
    (small / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="take an intact copy"):
        check_tokenizer(open_checkpoint(small))


def test_it_needs_neither_torch_nor_onnx() -> None:
    code = "import sys, export.__main__; sys.exit(bool({'torch', 'transformers', 'onnx'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
