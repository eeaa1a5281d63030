"""Backend pytorch: the checkpoint of the bundle and no other, asked for by name alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from runtime.backends.base import BackendOptions
from runtime.backends.pytorch_reference import SPECS, PyTorch
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, open_bundle
from runtime.errors import BundleError, CheckpointError, UsageError
from runtime.selection import PYTORCH, candidates
from tests.fakes.machine import FakeMachine
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def test_logits_are_those_of_transformers_with_padding_masked(tiny_model: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 50, (2, 12))
    segments = np.zeros_like(ids)
    segments[1, 7:] = -1
    backend = PyTorch(tiny_model, threads=1)
    found = backend.logits(Batch(ids, segments, np.tile(np.arange(12), (2, 1))))
    backend.close()
    model = transformers.AutoModelForTokenClassification.from_pretrained(tiny_model).eval()
    with torch.inference_mode():
        whole = model(torch.from_numpy(ids[:1])).logits.numpy()
        short = model(torch.from_numpy(ids[1:, :7])).logits.numpy()
    assert found.dtype == np.float32
    assert found.shape[:2] == (2, 12)
    np.testing.assert_allclose(found[:1], whole, atol=1e-5)
    np.testing.assert_allclose(found[1:, :7], short, atol=1e-5)


def test_it_is_no_candidate_of_a_bundle(bundle: Bundle) -> None:
    assert "pytorch" not in {candidate.backend for candidate in candidates(bundle)}


def test_a_checkpoint_that_is_not_there_is_named(bundle: Bundle, tmp_path: Path) -> None:
    options = BackendOptions(threads=1, checkpoint=tmp_path / "moved")
    with pytest.raises(CheckpointError, match=r"moved: no such checkpoint folder; give the folder of the bundle's"):
        open_candidate(PYTORCH, bundle, options)


def test_another_checkpoint_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    other = tiny_checkpoint(tmp_path / "other", seed=1)
    with pytest.raises(BundleError, match="other: not the checkpoint that this bundle was made from"):
        open_candidate(PYTORCH, bundle, BackendOptions(threads=1, checkpoint=other))


def test_a_checkpoint_may_have_moved(bundle: Bundle, tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "moved")
    backend = open_candidate(PYTORCH, bundle, BackendOptions(threads=1, checkpoint=tmp_path / "moved"))
    assert (backend.layout, backend.device, backend.streams, backend.version) == ("padded", "cpu", 1, torch.__version__)
    backend.close()


def test_a_folder_that_transformers_cannot_load_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="transformers cannot load it"):
        PyTorch(tmp_path, threads=1)


def test_it_has_no_settings_and_says_how_it_is_installed(bundle: Bundle, tiny_model: Path) -> None:
    options = BackendOptions(threads=1, checkpoint=tiny_model)
    with pytest.raises(UsageError, match="pytorch on cpu has no settings"):
        open_candidate(PYTORCH, bundle, replace(options, settings={"tf32": "1"}))
    (spec,) = SPECS
    missing = spec.obstacle(bundle, PYTORCH, FakeMachine())
    assert missing == ("the library 'torch' is not installed", "pip install 'nerve-ner[pytorch]'")
    assert spec.obstacle(bundle, PYTORCH, FakeMachine(packages={"torch": "2.9"})) is None
