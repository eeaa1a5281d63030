"""A checkpoint by its name: its folder, or a hub id that lies in the hub's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.bundle.checkpoint import sha256_of_checkpoint
from runtime.bundle.hub import checkpoint_folder, find_checkpoint
from runtime.errors import CheckpointError
from tests.conftest import ROOT

REVISION = "0123456789abcdef0123456789abcdef01234567"


def find(name: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """The digest of the checkpoint of that name, found in a process of its own, where no hub can be reached."""
    code = f"from runtime.bundle.hub import find_checkpoint; print(find_checkpoint({name!r}).sha256)"
    nobody = {"HF_HOME": str(cache), "HF_HUB_CACHE": str(cache / "hub"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **nobody},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_folder_is_itself_and_keeps_the_name_that_it_was_given(tiny_model: Path) -> None:
    found = find_checkpoint(str(tiny_model))
    assert (found.folder, found.name, found.sha256) == (tiny_model, str(tiny_model), sha256_of_checkpoint(tiny_model))
    assert found.tokenizer.is_file()


def test_a_model_in_the_cache_is_found_without_the_network(tiny_model: Path, tmp_path: Path) -> None:
    cached = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(tiny_model, cached / "snapshots" / REVISION)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(REVISION)
    said = find("someone/tiny", tmp_path)
    assert said.stdout.strip() == sha256_of_checkpoint(tiny_model), said.stderr


def test_a_hub_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    said = find("someone/tiny", tmp_path)
    assert said.stderr.splitlines()[-1].endswith(
        "someone/tiny: there is no such folder, and the hub cannot be reached; "
        "check the name and the network, or give a folder"
    )


@pytest.mark.parametrize("name", ["/nowhere/model", "build/nothing", "./x", "a/b/c"])
def test_what_cannot_be_a_hub_id_is_not_asked_for(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="there is no such folder; give a checkpoint's folder or its hub id"):
        checkpoint_folder(name)
