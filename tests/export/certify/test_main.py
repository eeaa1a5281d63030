"""python -m export.certify, the command: which checkpoint it takes, and what it leaves as it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.certify.__main__ import main
from runtime.bundle.store import MANIFEST, TOKENIZER, digest_of, open_bundle, read_bundle, seal
from tests.conftest import Command
from tests.tiny import tiny_checkpoint


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may change."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def test_a_checkpoint_that_was_moved_is_given_and_recognized_by_its_digest(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    before = open_bundle(bundle).manifest.checkpoint
    moved = shutil.copytree(tiny_model, tmp_path / "elsewhere")
    assert main([str(bundle), "--model", str(moved), "--corpus", str(tiny_corpus), "--threads", "1"]) == 0
    # The manifest goes on saying what the bundle was made of.
    assert open_bundle(bundle).manifest.checkpoint == before


def test_a_failed_gate_is_status_1_and_names_the_candidate(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, command: Command
) -> None:
    graph = bundle / "padded-fp32.onnx"
    model = onnx.load(graph)
    classifier = next(tensor for tensor in model.graph.initializer if tuple(tensor.dims) == (32, 7))
    exchanged = np.ascontiguousarray(numpy_helper.to_array(classifier)[:, ::-1])
    classifier.CopyFrom(numpy_helper.from_array(exchanged, classifier.name))
    onnx.save(model, graph)
    said = refused(bundle, graph, tiny_model, tiny_corpus, command)
    assert said.startswith("FAILED: padded-fp32.onnx on onnxruntime in fp32, cpu: it does not say what")


def test_other_tokens_are_found_before_any_answer(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, command: Command
) -> None:
    tokenizer = json.loads((bundle / TOKENIZER).read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["Oslo"], vocabulary["river"] = vocabulary["river"], vocabulary["Oslo"]
    (bundle / TOKENIZER).write_text(json.dumps(tokenizer))
    said = refused(bundle, bundle / TOKENIZER, tiny_model, tiny_corpus, command)
    assert "tokenizer.json: other tokens than in transformers for" in said


def refused(bundle: Path, changed: Path, model: Path, corpus: Path, command: Command) -> str:
    """What certifying says of a bundle one of whose files was changed and sealed again: status 1, nothing written."""
    manifest = read_bundle(bundle).manifest
    seal(bundle, replace(manifest, files={**manifest.files, changed.name: digest_of(changed)}))
    before = (bundle / MANIFEST).read_bytes()
    said = command("export.certify", bundle, "--model", model, "--corpus", corpus, "--threads", "1")
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert said.stderr.endswith(f"{bundle} is as it was\n")
    assert (bundle / MANIFEST).read_bytes() == before
    return said.stderr


def test_another_checkpoint_is_an_error_and_no_verdict(
    bundle: Path, tiny_corpus: Path, tmp_path: Path, command: Command
) -> None:
    other = tiny_checkpoint(tmp_path / "other", seed=1)
    said = command("export.certify", bundle, "--model", other, "--corpus", tiny_corpus)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.count("\n") == 1
    assert "not the checkpoint that" in said.stderr
