"""What is not a NER checkpoint is refused with the reason and the way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtime.bundle.checkpoint import describe, open_checkpoint, sha256_of_checkpoint, slow_tokenizer_of
from runtime.bundle.manifest import Source
from runtime.errors import CheckpointError
from tests.tiny import LABELS, tiny_checkpoint


@pytest.fixture
def checkpoint(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint that a test may break."""
    return Path(shutil.copytree(tiny_model, tmp_path / "checkpoint"))


def change(checkpoint: Path, **values: Any) -> None:
    """Set fields of config.json; None removes one."""
    place = checkpoint / "config.json"
    config = {**json.loads(place.read_text()), **values}
    place.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def test_description_is_what_the_folder_says(checkpoint: Path) -> None:
    description = describe(checkpoint)
    assert (description.architecture, description.labels, description.max_length) == ("bert", LABELS, 64)


def test_labels_come_by_index_and_not_by_order(checkpoint: Path) -> None:
    change(checkpoint, id2label={"1": "B-PER", "0": "O", "10": "I-LOC", **{str(i): f"B-{i}" for i in range(2, 10)}})
    # Without the weights, whose classifier has seven labels.
    assert describe(checkpoint, weights=False).labels[:2] == ("O", "B-PER")
    assert describe(checkpoint, weights=False).labels[10] == "I-LOC"


def test_roberta_loses_two_positions_to_its_padding(tmp_path: Path) -> None:
    roberta = tiny_checkpoint(tmp_path / "roberta", architecture="roberta", positions=64)
    assert json.loads((roberta / "config.json").read_text())["max_position_embeddings"] == 66
    assert describe(roberta).max_length == 64


def test_tokenizer_can_shorten_rows_but_not_lengthen_them(checkpoint: Path) -> None:
    place = checkpoint / "tokenizer_config.json"
    for told, expected in ((10**30, 64), (512, 64), (32, 32)):
        place.write_text(json.dumps({"model_max_length": told}))
        assert describe(checkpoint).max_length == expected


def test_digest_follows_configuration_weights_and_tokenizer(checkpoint: Path) -> None:
    digests = {sha256_of_checkpoint(checkpoint)}
    names = ("config.json", "model.safetensors", "tokenizer.json")
    for name in names:
        with (checkpoint / name).open("ab") as file:
            file.write(b" ")
        digests.add(sha256_of_checkpoint(checkpoint))
    assert len(digests) == 1 + len(names)
    (checkpoint / "README.md").write_text("not part of the model")
    assert sha256_of_checkpoint(checkpoint) in digests


def test_the_tokenizers_digest_follows_each_of_its_files(checkpoint: Path) -> None:
    digests = {open_checkpoint(checkpoint).tokenizer_sha256}
    for name in ("tokenizer.json", "tokenizer_config.json", "added_tokens.json", "vocab.txt"):
        with (checkpoint / name).open("ab") as file:
            file.write(b" ")
        digests.add(open_checkpoint(checkpoint).tokenizer_sha256)
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"id2label": None}, "no labels"),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, "no labels"),
        ({"id2label": {"0": "O", "2": "B-PER"}}, "indices"),
        ({"id2label": {"0": "NN", "1": "VB"}}, 'no label "O"'),
        ({"id2label": {"0": "O", "1": "B-PER", "2": "B-PER"}}, "two labels of one name"),
        ({"max_position_embeddings": None}, "max_position_embeddings"),
        ({"vocab_size": None}, "vocab_size"),
    ],
)
def test_configuration_that_cannot_be_served(checkpoint: Path, values: dict[str, Any], found: str) -> None:
    change(checkpoint, **values)
    with pytest.raises(CheckpointError, match=found):
        describe(checkpoint)


@pytest.mark.parametrize("content", ["{", "[]", "\xff\xfe"])
def test_corrupt_configuration(checkpoint: Path, content: str) -> None:
    (checkpoint / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"config\.json: not"):
        describe(checkpoint)


def test_pickled_weights_are_refused_with_the_way_to_convert(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pickled weights.*safe_serialization=True"):
        describe(checkpoint)


def test_a_slow_tokenizer_is_for_export_alone_and_the_line_says_how_to_convert_it(checkpoint: Path) -> None:
    (checkpoint / "tokenizer.json").rename(checkpoint / "vocab.txt")
    assert slow_tokenizer_of(checkpoint) == "vocab.txt"
    assert not open_checkpoint(checkpoint).tokenizer.exists()
    with pytest.raises(CheckpointError, match=r"slow tokenizer.*use_fast=True"):
        describe(checkpoint, weights=False)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_missing_part_is_named(checkpoint: Path, name: str) -> None:
    for file in checkpoint.glob("vocab*"):
        file.unlink()
    (checkpoint / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        describe(checkpoint)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        describe(tmp_path / "nowhere")


def test_an_opened_checkpoint_is_described_and_hashed(checkpoint: Path) -> None:
    opened = open_checkpoint(checkpoint, name="someone/model")
    assert (opened.folder, opened.name, opened.sha256) == (
        checkpoint,
        "someone/model",
        sha256_of_checkpoint(checkpoint),
    )
    assert (opened.labels, opened.max_length) == (describe(checkpoint).labels, describe(checkpoint).max_length)
    assert opened.source == Source("someone/model", opened.sha256, opened.tokenizer_sha256)
    assert open_checkpoint(checkpoint).name == str(checkpoint)
