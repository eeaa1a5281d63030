"""The checkpoint's own answers: word by word, in any company the same, and never from a row with padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from export.certify.reference import Reference
from export.torch_model import load_model
from runtime.errors import CheckpointError
from tests.tiny import LABELS, TEXT, tiny_checkpoint

SENTENCES = [tuple(line.split()) for line in TEXT]


@pytest.fixture
def reference(tiny_model: Path) -> Reference:
    return Reference(tiny_model, load_model(tiny_model), threads=1)


def test_each_word_has_the_logits_of_its_first_token(reference: Reference, tiny_model: Path) -> None:
    sentence = ("Unbelievably", "Maria", "resigned", ".")  # words that fall apart into several tokens
    found = reference.word_logits([sentence])
    assert found.shape == (len(sentence), len(LABELS))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    encoded = tokenizer(list(sentence), is_split_into_words=True, return_tensors="pt")
    with torch.inference_mode():
        logits = load_model(tiny_model)(**encoded).logits[0].numpy()
    words = encoded.word_ids()
    first = [words.index(word) for word in range(len(sentence))]
    assert np.allclose(found, logits[first], atol=1e-6)
    assert len(words) > len(sentence) + 2


def test_company_changes_nothing(reference: Reference) -> None:
    together = reference.word_logits(SENTENCES)
    alone = np.concatenate([reference.word_logits([words]) for words in SENTENCES])
    assert np.allclose(together, alone, atol=1e-6)


def test_tokens_are_counted_with_the_special_ones(reference: Reference) -> None:
    assert reference.tokens([(), ("Oslo",)]) == [2, 3]
    assert reference.tokens([]) == []


def test_a_word_without_a_token_has_no_logits(reference: Reference) -> None:
    found = reference.word_logits([("Oslo", "\x00", "Lisbon"), ()])
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False]


def test_the_space_before_a_word_is_given_back_to_byte_level_tokenizers(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "roberta", architecture="roberta")
    reference = Reference(folder, load_model(folder), threads=1)
    # " Oslo" is one token that the tokenizer has learned; "Oslo" without its space would be others.
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    expected = len(tokenizer(" Oslo")["input_ids"])
    assert reference.tokens([("Oslo",)]) == [expected]


def test_a_checkpoint_whose_answers_are_no_numbers_cannot_be_a_reference(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][0] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="not finite"):
        Reference(folder, load_model(folder), threads=1).word_logits(SENTENCES)
