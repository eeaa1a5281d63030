"""Tokenizers and weights as training takes them, for each architecture."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PretrainedConfig

from runtime.errors import CheckpointError, UsageError
from runtime.text.conll import Sentence
from tests.tiny import ARCHITECTURES, LABELS, tiny_checkpoint
from train.base import Base, find_base
from train.examples import examples_of
from train.model import check_max_length, labels_of, load_config, load_model, load_tokenizer

OTHER = ("O", "B-DISEASE", "I-DISEASE", "B-DRUG", "I-DRUG", "B-GENE", "I-GENE")


@pytest.fixture
def base(tiny_model: Path) -> Base:
    return find_base(str(tiny_model))


def _load(base: Base, labels: tuple[str, ...]) -> tuple[PretrainedConfig, dict[str, torch.Tensor]]:
    config, keep = load_config(base, labels)
    return config, load_model(base, config, keep_classifier=keep).state_dict()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_takes_words_and_gives_a_logit_a_label(architecture: str, tmp_path: Path) -> None:
    base = find_base(str(tiny_checkpoint(tmp_path / "base", labels=(), architecture=architecture)))
    assert base.longest == 64
    tokenizer = load_tokenizer(base)
    config, keep = load_config(base, OTHER)
    assert not keep
    sentence = Sentence(("Anna", "Lund", "x" * 200, "rose"), ("B-GENE", "I-GENE", "O", "B-DRUG"))
    (example,) = examples_of(tokenizer, [sentence], OTHER, 64)
    model = load_model(base, config, keep_classifier=keep)
    inputs = {name: torch.tensor([values]) for name, values in example.features.items()}
    output = model(**inputs)
    assert output.logits.shape == (1, len(example.word_ids), len(OTHER))
    assert torch.isfinite(output.loss)


def test_a_word_is_the_same_to_a_byte_level_tokenizer_first_or_not(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(find_base(str(tiny_checkpoint(tmp_path / "base", architecture="roberta"))))
    first, other = examples_of(
        tokenizer, [Sentence(("Oslo",), ("O",)), Sentence((".", "Oslo"), ("O", "O"))], LABELS, 64
    )
    assert other.features["input_ids"][-2:] == first.features["input_ids"][-2:]
    tokenizer.save_pretrained(str(tmp_path / "saved"))
    assert json.loads((tmp_path / "saved" / "tokenizer.json").read_text())["pre_tokenizer"]["add_prefix_space"] is True


def test_a_length_kept_in_the_base_is_not_passed_on(tiny_model: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_model, tmp_path / "base")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["truncation"] = {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = load_tokenizer(find_base(str(folder)))
    (example,) = examples_of(tokenizer, [Sentence(("rose",) * 20, ("O",) * 20)], LABELS, 64)
    assert example.loss.cut == 0
    tokenizer.save_pretrained(str(tmp_path / "saved"))
    saved = json.loads((tmp_path / "saved" / "tokenizer.json").read_text())
    assert (saved["truncation"], saved["padding"]) == (None, None)
    assert "max_length" not in json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())


def test_the_classifier_is_kept_with_its_order_for_the_same_labels(base: Base) -> None:
    config, weights = _load(base, tuple(reversed(LABELS)))
    assert labels_of(config) == LABELS
    assert torch.equal(weights["classifier.weight"], load_file(base.folder / "model.safetensors")["classifier.weight"])


def test_the_classifier_is_new_for_other_labels_of_the_same_number(base: Base) -> None:
    config, weights = _load(base, OTHER)
    assert labels_of(config) == OTHER
    stored = load_file(base.folder / "model.safetensors")
    assert not torch.isclose(weights["classifier.weight"], stored["classifier.weight"]).any()
    assert torch.equal(weights["classifier.bias"], torch.zeros(len(OTHER)))
    name = "bert.encoder.layer.0.output.dense.weight"
    assert torch.equal(weights[name], stored[name])


def test_the_classifier_is_new_for_another_number_of_labels(base: Base) -> None:
    config, weights = _load(base, OTHER[:3])
    assert config.num_labels == 3
    assert weights["classifier.weight"].shape == (3, 32)


def test_an_encoder_that_is_not_whole_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_model, tmp_path / "base")
    weights = load_file(folder / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"1 of the encoder's weights .*\(bert\.encoder\.layer\.1\.output\.dense"):
        _load(find_base(str(folder)), LABELS)


def test_an_encoder_of_another_shape_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_model, tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 32}))
    with pytest.raises(CheckpointError, match="missing or of another shape"):
        _load(find_base(str(folder)), LABELS)


def test_a_model_of_an_unknown_kind_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_model, tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "abacus"}))
    with pytest.raises(CheckpointError, match=r"cannot be loaded .*abacus"):
        load_config(find_base(str(folder)), LABELS)


def test_a_longer_input_than_the_base_takes_is_refused() -> None:
    check_max_length(64, 64)
    with pytest.raises(UsageError, match="max_length: 65 where the base takes 64 tokens at most"):
        check_max_length(65, 64)
