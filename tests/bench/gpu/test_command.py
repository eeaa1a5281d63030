"""python -m bench gpu-check, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.system.gpu import gpu
from tests.conftest import Command


@pytest.mark.skipif(gpu() is not None, reason="this machine has a GPU")
@pytest.mark.parametrize("words", [("bench", "gpu-check"), ("bench.gpu",)])
def test_without_a_gpu_it_says_so_and_ends_with_one(command: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = command(*words, "--minutes", "4", "--output", tmp_path / "made")
    assert done.returncode == 1
    assert done.stderr == "environment ...\n"
    assert "environment: this machine has no NVIDIA GPU, or no driver for it: nothing is measured" in done.stdout
    path = Path(done.stdout.splitlines()[-1])
    assert path == tmp_path / "made" / "result.json"
    checks = json.loads(path.read_text(encoding="utf-8"))["checks"]
    assert [one["status"] for one in checks] == ["failed", *["not run"] * (len(checks) - 1)]
    assert {one["lines"][0] for one in checks[1:]} == {"it needs a GPU"}
    assert (tmp_path / "made" / "result.html").is_file()


def test_a_checkpoint_without_its_corpus_is_an_error(command: Command, tmp_path: Path) -> None:
    done = command("bench", "gpu-check", "--checkpoint", tmp_path)
    assert done.returncode == 2
    assert "a checkpoint and a corpus belong together; give both, or neither" in done.stderr
