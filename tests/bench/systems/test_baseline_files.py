"""Files that baselines make: once, and never half of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.systems.baseline_files import Model, copy_beside, make_once


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def fill(new: Path) -> None:
        made.append(new)
        (new / "file").write_text("whole")

    for _ in range(2):
        make_once(tmp_path / "a" / "folder", fill)
    assert len(made) == 1
    assert (tmp_path / "a" / "folder" / "file").read_text() == "whole"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["folder"]


def test_a_folder_that_could_not_be_filled_is_not_there(tmp_path: Path) -> None:
    def fill(new: Path) -> None:
        (new / "file").write_text("half")
        raise ValueError("no space")

    with pytest.raises(ValueError, match="no space"):
        make_once(tmp_path / "folder", fill)
    assert list(tmp_path.iterdir()) == []


def test_configuration_and_tokenizer_are_copied_as_far_as_they_are_there(tmp_path: Path) -> None:
    checkpoint, folder = tmp_path / "checkpoint", tmp_path / "folder"
    for path in (checkpoint, folder):
        path.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (checkpoint / name).write_text(name)
    copy_beside(checkpoint, folder)
    assert {path.name for path in folder.iterdir()} == {"config.json", "tokenizer.json"}
    model = Model(checkpoint, tmp_path / "work", ("O",), 8, threads=1, thorough=False, bf16=False)
    assert model.onnx == tmp_path / "work" / "onnx"
    assert model.weights[0] == checkpoint / "model.safetensors"
