"""python -m train as a process: what it prints and leaves, and every mistake as one line with exit status 2."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from tests.conftest import ROOT, Command
from tests.waiting import PATIENCE

Damage = Callable[[Path], object]
QUICK = ("--epochs", 1, "--max-length", 64, "--threads", 1)


def _says(done: subprocess.CompletedProcess[str], expected: str) -> None:
    """The command failed with one line, and that says what is expected."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("python -m train: error: ")
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr


def test_a_run_makes_a_checkpoint(command: Command, tiny_model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    output = tmp_path / "model"
    done = command("train", "--base", tiny_model, "--corpus", tiny_corpus, "--output", output, *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    row = [line for line in lines if line.startswith("|")][-1]
    result = json.loads(last)
    assert sorted(result) == ["accuracy", "checkpoint", "f1", "precision", "recall", "seconds", "steps"]
    assert (result["checkpoint"], result["steps"]) == (str(output), 7)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    names = {path.name for path in output.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"} <= names
    assert (output / "NOTICE.txt").read_text().startswith("Made by fine-tuning bert: its weights were changed.")
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth"))]
    scores = json.loads((output / "scores.json").read_text())
    assert scores["rows"][0]["f1"] == result["f1"]
    assert row in (output / "README.md").read_text()
    config = json.loads((output / "config.json").read_text())
    assert config["id2label"] == {
        "0": "O",
        "1": "B-LOC",
        "2": "I-LOC",
        "3": "B-ORG",
        "4": "I-ORG",
        "5": "B-PER",
        "6": "I-PER",
    }
    # Nothing of this machine goes out with the checkpoint.
    assert not [name for name in names if name != "model.safetensors" and str(tmp_path) in (output / name).read_text()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--learning-rate", "-1"), "--learning-rate: -1.0 where a number above 0 should be"),
        (("--epochs", "0"), "--epochs: 0 where a number from 1 should be"),
        (("--preset", "best"), "invalid choice: 'best'"),
        (("--threads", "0"), "argument --threads: '0' is not a whole number of at least 1"),
        (("--save-every", "x"), "argument --save-every: 'x' is not a whole number of at least 1"),
        (("--base", "/nowhere/model"), "/nowhere/model: there is no such folder"),
        (("--corpus", "/nowhere/corpus"), "/nowhere/corpus: no such folder"),
        (("--output", "/dev/null/model"), "Not a directory"),
        (("--resume", "--output", "/nowhere/model"), "/nowhere/model.training: no unfinished run to resume"),
    ],
)
def test_a_mistake_in_the_options_is_one_line(command: Command, options: tuple[str, ...], expected: str) -> None:
    _says(command("train", *options), expected)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda f: (f / "config.json").write_text('{"model_type": '), "config.json: not readable JSON"),
        (lambda f: (f / "config.json").unlink(), "not a checkpoint"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled weights alone"),
        (lambda f: (f / "tokenizer.json").unlink(), "only a slow tokenizer's vocab.txt"),
    ],
)
def test_a_damaged_base_is_one_line(
    command: Command, tiny_model: Path, tmp_path: Path, damage: Damage, expected: str
) -> None:
    folder = copytree(tiny_model, tmp_path / "base")
    damage(folder)
    _says(command("train", "--base", folder, "--output", tmp_path / "model"), expected)


@pytest.mark.slow
def test_what_only_the_loaded_base_can_tell_is_one_line(command: Command, tiny_model: Path, tmp_path: Path) -> None:
    done = command("train", "--base", tiny_model, "--output", tmp_path / "model")
    assert done.stdout == ""
    _says(done, "--max-length: 512 where the base takes 64 tokens at most; give 64 or less")


def test_an_unreadable_corpus_line_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Oslo B-LOC\nand nothing\n")
    (tmp_path / "valid.txt").write_text("Oslo B-LOC\n")
    _says(command("train", "--corpus", tmp_path), f"{tmp_path / 'train.txt'}:2: 'nothing' where a label")
    (tmp_path / "valid.txt").unlink()
    (tmp_path / "train.txt").write_text("Oslo B-LOC\n")
    _says(command("train", "--corpus", tmp_path), f"{tmp_path / 'valid.txt'}: No such file")


def test_a_full_disk_is_one_line(tiny_model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    limited = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000)); "
        "runpy.run_module('train', run_name='__main__', alter_sys=True)"
    )
    options = ["--base", tiny_model, "--corpus", tiny_corpus, "--output", tmp_path / "model", *QUICK]
    done = subprocess.run(
        [sys.executable, "-c", limited, *map(str, options)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    _says(done, "a file could not be written")


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_table(
    command: Command, tiny_model: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    options = ["--base", tiny_model, "--corpus", tiny_corpus, "--epochs", 40, *QUICK[2:], "--save-every", 2]
    whole = command("train", *options, "--output", tmp_path / "whole")
    killed = subprocess.Popen(
        [sys.executable, "-m", "train", *map(str, options), "--output", str(tmp_path / "model")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    while not list((tmp_path / "model.training").glob("checkpoint-*/trainer_state.json")):
        assert killed.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    _says(command("train", *options, "--output", tmp_path / "model"), "an unfinished run is there; resume it")
    again = command("train", *options, "--output", tmp_path / "model", "--resume")
    assert again.returncode == 0
    assert "going on from checkpoint-" in again.stderr
    tables = [[line for line in each.stdout.splitlines() if line.startswith("|")] for each in (again, whole)]
    assert tables[0] == tables[1] != []
