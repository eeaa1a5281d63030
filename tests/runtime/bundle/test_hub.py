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
from runtime.bundle.store import open_bundle
from runtime.errors import CheckpointError
from tests.conftest import ROOT
from tests.waiting import PATIENCE

REVISION = "0123456789abcdef0123456789abcdef01234567"
OLDER = "89abcdef0123456789abcdef0123456789abcdef"


def find(name: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """The digest of the checkpoint of that name, found in a process of its own, where no hub can be reached."""
    code = (
        "from runtime.bundle.hub import find_checkpoint; "
        f"found = find_checkpoint({name!r}); print(found.sha256, found.commit, found.source.pinned)"
    )
    nobody = {"HF_HOME": str(cache), "HF_HUB_CACHE": str(cache / "hub"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **nobody},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_a_folder_is_itself_and_keeps_the_name_that_it_was_given(tiny_model: Path) -> None:
    found = find_checkpoint(str(tiny_model))
    assert (found.folder, found.name, found.sha256) == (tiny_model, str(tiny_model), sha256_of_checkpoint(tiny_model))
    assert found.tokenizer.is_file()


@pytest.fixture
def cache(tiny_model: Path, tmp_path: Path) -> Path:
    """The hub's cache, with two commits of a repository: the main branch, and an older one that a tag names."""
    cached = tmp_path / "hub" / "models--someone--tiny"
    for commit, refs in ((REVISION, ("main",)), (OLDER, ("v1", "refs/pr/1"))):
        shutil.copytree(tiny_model, cached / "snapshots" / commit)
        for ref in refs:
            (cached / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
            (cached / "refs" / ref).write_text(commit)
    (cached / "snapshots" / OLDER / "config.json").write_bytes((tiny_model / "config.json").read_bytes() + b" ")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "commit"),
    [
        ("someone/tiny", REVISION),
        ("someone/tiny@main", REVISION),
        ("someone/tiny@v1", OLDER),
        (f"someone/tiny@{OLDER}", OLDER),
        ("someone/tiny@refs/pr/1", OLDER),
    ],
)
def test_a_revision_in_the_cache_is_found_without_the_network(name: str, commit: str, cache: Path) -> None:
    said = find(name, cache)
    folder = cache / "hub" / "models--someone--tiny" / "snapshots" / commit
    assert said.stdout.split() == [sha256_of_checkpoint(folder), commit, f"someone/tiny@{commit}"], said.stderr


def test_a_revision_that_is_not_there_is_told(cache: Path) -> None:
    said = find("someone/tiny@v2", cache)
    assert "someone/tiny@v2: there is no such folder, and the hub cannot be reached" in said.stderr


def test_a_folder_has_no_commit_even_where_its_name_looks_like_one(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / f"model@{REVISION}" / REVISION))
    assert find_checkpoint(str(folder)).commit == ""
    assert find_checkpoint(str(folder)).source.pinned == str(folder)


@pytest.mark.slow
def test_the_manifest_holds_the_commit(cache: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    """Real loading code: export of a tag from the cache, offline, and certifying it once more by its commit."""
    here = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache / "hub")}
    text = ["--corpus", str(tiny_corpus), "--limited-evidence", "--sentences", "20", "--threads", "1"]
    bundle = str(tmp_path / "bundle")
    for arguments in (["export", "--model", "someone/tiny@v1", "--output", bundle], ["export.certify", bundle]):
        command = [sys.executable, "-m", *arguments, *text]
        done = subprocess.run(command, cwd=ROOT, env=here, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    source = open_bundle(Path(bundle), limited=True).manifest.checkpoint
    assert (source.name, source.commit) == ("someone/tiny@v1", OLDER)


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
