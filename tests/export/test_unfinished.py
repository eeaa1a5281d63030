"""Unfinished work: found again whole or not at all, and only by who makes the same thing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from export.__main__ import main
from export.unfinished import Forgetful, InFolder, kept_for, unfinished_of
from runtime.errors import StorageError
from tests.conftest import ROOT
from tests.export.test_pipeline import arguments
from tests.waiting import wait_until

ARRAYS = {"weights": np.arange(6, dtype=np.int8).reshape(2, 3), "names": np.array(["/a/MatMul", "b"])}


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    work = InFolder(tmp_path / "work")
    assert not work.has("fit /layer.0")
    work.keep("fit /layer.0", ARRAYS)
    again = InFolder(tmp_path / "work")
    assert again.has("fit /layer.0")
    assert not again.has("fit /layer.1")
    found = again.load("fit /layer.0")
    assert list(found) == list(ARRAYS)
    assert all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)
    assert found["weights"].dtype == np.int8


@pytest.mark.parametrize("damage", ["cut off", "changed", "empty"])
def test_a_damaged_file_counts_as_none(damage: str, tmp_path: Path) -> None:
    work = InFolder(tmp_path)
    work.keep("change", ARRAYS)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    place = content.index(bytes(range(6)))
    file.write_bytes(
        {"cut off": content[:-10], "changed": content[:place] + b"x" + content[place + 1 :], "empty": b""}[damage]
    )
    assert not work.has("change")
    work.keep("change", ARRAYS)
    assert work.has("change")


def test_work_of_something_else_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "unfinished"
    kept_for(folder, graph="one", threads=1).keep("fit", ARRAYS)
    assert kept_for(folder, threads=1, graph="one").has("fit")
    other = kept_for(folder, graph="one", threads=2)
    assert not other.has("fit")
    assert list(folder.iterdir()) == []
    assert not kept_for(folder, graph="one", threads=1).has("fit")


def test_it_lies_beside_the_bundle(tmp_path: Path) -> None:
    assert unfinished_of(tmp_path / "bundle") == tmp_path / ".bundle.unfinished"


def test_no_space_is_an_error_of_the_user(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    with pytest.raises(StorageError):
        InFolder(tmp_path / "file" / "work").keep("fit", ARRAYS)


def test_who_forgets_has_nothing() -> None:
    work = Forgetful()
    work.keep("fit", ARRAYS)
    assert not work.has("fit")


@pytest.mark.slow
def test_an_export_that_was_killed_goes_on_and_gives_the_same_int8(
    tiny_model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino")
    weights = load_file(tiny_model / "model.safetensors")
    weights["classifier.bias"][0] += 10  # random weights leave some words to the last bit, and the gate fails
    decided = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    save_file(weights, decided / "model.safetensors", metadata={"format": "pt"})
    killed, at_once = tmp_path / "killed" / "bundle", tmp_path / "at-once" / "bundle"
    line = [sys.executable, "-m", "export", *arguments(decided, killed, tiny_corpus), "--int8"]
    process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL)
    # All eight tensors are fitted; certifying, which follows, takes seconds.
    wait_until(lambda: len(list(unfinished_of(killed).glob("*/*.npz"))) >= 8)
    process.kill()
    process.wait()
    assert not killed.exists()
    assert main([*arguments(decided, killed, tiny_corpus), "--int8"]) == 0
    assert "goes on where an export before this one was stopped: 8 of 8 inputs are fitted" in capsys.readouterr().out
    assert [path.name for path in killed.parent.iterdir()] == ["bundle"]
    assert main([*arguments(decided, at_once, tiny_corpus), "--int8"]) == 0
    assert "goes on" not in capsys.readouterr().out
    assert killed.joinpath("packed-int8.onnx").read_bytes() == at_once.joinpath("packed-int8.onnx").read_bytes()
