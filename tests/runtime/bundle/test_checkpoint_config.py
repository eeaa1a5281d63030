"""What others write into a checkpoint's JSON files: a wrong value is one line that says which and how to mend it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtime.bundle.checkpoint import describe, open_checkpoint
from runtime.errors import CheckpointError
from tests.conftest import Command


@pytest.fixture
def checkpoint(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint that a test may break."""
    return Path(shutil.copytree(tiny_model, tmp_path / "checkpoint"))


def change(place: Path, **values: Any) -> None:
    place.write_text(json.dumps({**json.loads(place.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"id2label": ["O", "B-PER"]}, '"id2label" is ["O", "B-PER"] where an object of numbers and names'),
        ({"id2label": {"0": "O", "1": 5}}, '"id2label" is 5 where'),
        ({"model_type": ["bert"]}, '"model_type" is ["bert"] where a name such as "bert"'),
        ({"pad_token_id": "0"}, '"pad_token_id" is "0" where a whole number'),
        ({"pad_token_id": [0]}, '"pad_token_id" is [0] where a whole number'),
        ({"num_hidden_layers": 100_000}, '"num_hidden_layers" is 100000 where a whole number from 0 to 1,000'),
        ({"hidden_size": 1e9}, '"hidden_size" is 1000000000.0 where'),
        ({"hidden_size": True}, '"hidden_size" is true where'),
        ({"vocab_size": -1}, '"vocab_size" is -1 where'),
        ({"max_position_embeddings": 1 << 40}, '"max_position_embeddings" is 1099511627776 where'),
    ],
)
def test_a_field_of_config_json(checkpoint: Path, values: dict[str, Any], told: str) -> None:
    change(checkpoint / "config.json", **values)
    with pytest.raises(CheckpointError) as caught:
        describe(checkpoint)
    assert told in str(caught.value)


def test_positions_that_begin_behind_the_last_one(checkpoint: Path) -> None:
    change(checkpoint / "config.json", model_type="roberta", pad_token_id=1000)
    with pytest.raises(CheckpointError, match='"pad_token_id" is 1000, after which its positions hold no token'):
        describe(checkpoint)


def test_numbers_that_transformers_leaves_open_are_no_fault(checkpoint: Path) -> None:
    change(checkpoint / "config.json", pad_token_id=None, bos_token_id=-1, eos_token_id=[2, 3], architectures=None)
    assert describe(checkpoint).max_length == 64


@pytest.mark.parametrize(
    ("told", "expected"), [(10**30, 64), (10**400, 64), (float("inf"), 64), (None, 64), (32.0, 32)]
)
def test_no_limit_and_limits(checkpoint: Path, told: float | None, expected: int) -> None:
    change(checkpoint / "tokenizer_config.json", model_max_length=told)
    assert describe(checkpoint).max_length == expected


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        (1, "a row of so few tokens holds no text; write there how long the longest row was"),
        (0, "holds no text"),
        ("512", '"model_max_length" is "512" where a number is expected; write it without quotes'),
        (float("nan"), '"model_max_length" is NaN where a number'),
        ([512], '"model_max_length" is [512] where a number'),
    ],
)
def test_a_length_that_cannot_be_meant(checkpoint: Path, told: Any, advice: str) -> None:
    """transformers#2300 and others: a model_max_length of 1, "512" or 1e30 in tokenizer_config.json."""
    change(checkpoint / "tokenizer_config.json", model_max_length=told)
    with pytest.raises(CheckpointError) as caught:
        describe(checkpoint)
    assert advice in str(caught.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "{", "\ud800"])
def test_what_is_no_json_object(checkpoint: Path, name: str, content: str) -> None:
    (checkpoint / name).write_text(content, errors="surrogatepass")
    with pytest.raises(CheckpointError, match=rf"{name}: not"):
        describe(checkpoint)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_a_pipe_is_not_waited_for(checkpoint: Path, name: str) -> None:
    (checkpoint / name).unlink()
    os.mkfifo(checkpoint / name)
    with pytest.raises(CheckpointError, match="not a regular file"):
        open_checkpoint(checkpoint)


def test_labels_and_classifier_must_be_as_many(checkpoint: Path) -> None:
    """BERT-NER#1 and #21: as many labels as the list of a script had, not as the model was trained with."""
    change(checkpoint / "config.json", id2label={"0": "O", "1": "B-PER"})
    with pytest.raises(CheckpointError, match=r"names 2 labels, and the classifier of the weights has 7; name all 7"):
        describe(checkpoint)


def test_it_is_one_line_of_the_command(checkpoint: Path, tiny_corpus: Path, tmp_path: Path, command: Command) -> None:
    change(checkpoint / "config.json", num_hidden_layers=100_000)
    said = command("export", "--model", checkpoint, "--output", tmp_path / "bundle", "--corpus", tiny_corpus)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1), said.stderr
