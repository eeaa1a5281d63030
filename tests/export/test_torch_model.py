"""The checkpoint in PyTorch: whole, in fp32, for inference; or one line about why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from export.torch_model import load_model, unread_weights
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


def with_weights(model: Path, folder: Path, *names: str) -> Path:
    """A copy of a checkpoint with more weights."""
    copy = Path(shutil.copytree(model, folder))
    more = dict.fromkeys(names, np.ones((2, 2), np.float32))
    save_file(load_file(copy / "model.safetensors") | more, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


@pytest.mark.parametrize(
    "name",
    [
        "crf.transitions",
        "lstm.weight_ih_l0",
        "bilstm.bias_hh_l0_reverse",
        "hidden2tag.weight",
        "bert.encoder.layer.2.x",
    ],
)
def test_weights_that_would_be_left_out_and_change_answers_are_refused(
    tiny_model: Path, tmp_path: Path, name: str
) -> None:
    """transformers#46002, BERT-CRF, mt-dnn, onnxruntime#11259: a CRF, an LSTM, a second head, more layers than read."""
    folder = with_weights(tiny_model, tmp_path / "model", name, "cls.predictions.bias")
    with pytest.raises(CheckpointError, match=rf"1 weights would not be read.*\({name}\)"):
        load_model(folder)
    assert load_model(folder, read_elsewhere=[r"crf\..*|.*lstm\..*|hidden2tag\..*|.*layer\.2\..*"])


def test_what_pre_training_leaves_behind_is_known(tiny_model: Path, tmp_path: Path) -> None:
    known = (
        *("bert.pooler.dense.weight", "bert.embeddings.position_ids", "cls.predictions.transform.dense.weight"),
        *(
            "cls.seq_relationship.bias",
            "lm_head.bias",
            "vocab_projector.weight",
            "discriminator_predictions.dense.bias",
        ),
    )
    load_model(with_weights(tiny_model, tmp_path / "model", *known))
    assert unread_weights([*known, "crf.start_transitions", "pooler_crf.x"]) == [
        "crf.start_transitions",
        "pooler_crf.x",
    ]


def test_many_unread_weights_are_counted(tiny_model: Path, tmp_path: Path) -> None:
    folder = with_weights(tiny_model, tmp_path / "model", *(f"head.{number}" for number in range(8)))
    with pytest.raises(CheckpointError, match=r"8 weights would not be read.*head\.4 and 3 more"):
        load_model(folder)
