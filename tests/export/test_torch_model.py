"""The checkpoint in PyTorch: whole, in fp32, for inference; or one line about why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file, save_file

from export.torch_model import load_model
from runtime.errors import CheckpointError
from tests.tiny import tiny_checkpoint


def test_it_is_in_fp32_and_for_inference(tiny_model: Path, tmp_path: Path) -> None:
    halved = Path(shutil.copytree(tiny_model, tmp_path / "fp16"))
    weights = {name: value.astype("float16") for name, value in load_file(halved / "model.safetensors").items()}
    save_file(weights, halved / "model.safetensors", metadata={"format": "pt"})
    model = load_model(halved)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
    ids = torch.tensor([[2, 9, 3]])
    with torch.inference_mode():
        # No dropout: the same answer twice.
        assert torch.equal(model(input_ids=ids).logits, model(input_ids=ids).logits)


def test_a_classifier_that_would_be_random_is_refused(tmp_path: Path) -> None:
    encoder = tiny_checkpoint(tmp_path / "encoder", labels=())
    with pytest.raises(CheckpointError, match=r"weights are missing \(classifier\.bias, classifier\.weight\)"):
        load_model(encoder)


def test_damaged_weights_are_one_line(tiny_model: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(tiny_model, tmp_path / "damaged"))
    (damaged / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(CheckpointError, match="transformers cannot load it") as caught:
        load_model(damaged)
    assert "\n" not in str(caught.value)
