"""Copies that nobody else can change: verified as they are copied, gone once they are opened, left behind by nobody."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.bundle.manifest import FileDigest, Manifest, Source
from runtime.bundle.private_files import PrivateFiles
from runtime.bundle.store import Bundle
from runtime.errors import BundleError, StorageError
from runtime.system.files import held, hold

FILES = {"tokenizer.json": b"a tokenizer", "weights/of/a.data": b"weights"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files while the test runs."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle of two files, which no graph is among."""
    digests = {}
    for name, content in FILES.items():
        file = tmp_path / "bundle" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        digests[name] = FileDigest(hashlib.sha256(content).hexdigest(), len(content))
    return Bundle(tmp_path / "bundle", Manifest(Source("model", "0"), ("O",), 64, 100, digests, (), (), {}))


def test_copies_stay_what_they_were_and_lose_their_names(bundle: Bundle, place: Path) -> None:
    with PrivateFiles(bundle) as files:
        files.add(FILES)
        copies = files.bundle()
        assert copies == replace(bundle, files_at=copies.files_at)
        assert copies.files_at is not None
        assert (copies.files_at.parent, held(copies.files_at)) == (place, True)
        assert copies.files_at.name.startswith("nerve-private-")
        # Nobody else may look into it.
        assert copies.files_at.stat().st_mode & 0o077 == 0
        (bundle.path / "tokenizer.json").write_bytes(b"A TOKENIZER")
        # What is here already stays, and is not copied once more.
        files.add(FILES)
        assert {name: copies.file(name).read_bytes() for name in FILES} == FILES
    assert list(place.iterdir()) == []


def test_no_other_process_and_no_descriptor_keeps_the_folder(bundle: Bundle, place: Path) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    files = PrivateFiles(bundle)
    files.close()
    assert len([*Path("/proc/self/fd").iterdir()]) == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"A TOKENIZER", r"tokenizer\.json: sha256 .* so it was changed"),
        (b"short", r"tokenizer\.json: 5 bytes where the manifest says 11"),
        (None, r"tokenizer\.json: No such file"),
    ],
)
def test_what_is_not_what_the_manifest_says_is_refused(
    bundle: Bundle, place: Path, content: bytes | None, told: str
) -> None:
    (bundle.path / "tokenizer.json").unlink()
    if content is not None:
        (bundle.path / "tokenizer.json").write_bytes(content)
    with PrivateFiles(bundle) as files, pytest.raises(BundleError, match=told):
        files.add(FILES)
    assert list(place.iterdir()) == []


def left_behind(place: Path, name: str, seconds: float) -> Path:
    """A folder that was last changed so long ago."""
    folder = place / name
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "a.data").write_bytes(b"weights")
    (folder / ".nerve-private").touch()
    then = time.time() - seconds
    os.utime(folder, (then, then))
    return folder


def test_what_a_killed_process_left_behind_is_removed_and_nothing_else(bundle: Bundle, place: Path) -> None:
    old, new = left_behind(place, "nerve-private-a", 60.3), left_behind(place, "nerve-private-b", 20)
    others, in_use = left_behind(place, "private-nerve", 99), left_behind(place, "nerve-private-c", 99)
    lock = hold(in_use)
    PrivateFiles(bundle).close()
    os.close(lock)
    assert [folder.exists() for folder in (old, new, others, in_use)] == [False, True, True, True]


def test_a_folder_that_somebody_gave_such_a_name_stays(bundle: Bundle, place: Path) -> None:
    theirs = left_behind(place, "nerve-private-notes", 99)
    (theirs / ".nerve-private").unlink()
    os.utime(theirs, (1, 1))
    PrivateFiles(bundle).close()
    assert (theirs / "weights" / "a.data").read_bytes() == b"weights"


def test_what_cannot_be_looked_at_is_passed_over(bundle: Bundle, place: Path) -> None:
    old = [left_behind(place, f"nerve-private-{number}", 99) for number in range(8)]
    for number in range(8):
        (place / f"nerve-private-link-{number}").symlink_to(place / "nowhere")
    PrivateFiles(bundle).close()
    assert not any(folder.exists() for folder in old)


def test_a_folder_that_somebody_removed_is_closed_all_the_same(bundle: Bundle, place: Path) -> None:
    with PrivateFiles(bundle) as files:
        [folder] = place.iterdir()
        shutil.rmtree(folder)
    assert files.bundle().files_at == folder


def test_closing_twice_closes_nobody_elses_file(bundle: Bundle, place: Path) -> None:
    files = PrivateFiles(bundle)
    files.close()
    with (bundle.path / "tokenizer.json").open("rb") as other:  # it gets the number that the lock had
        files.close()
        assert other.read() == FILES["tokenizer.json"]


def test_two_that_are_open_do_not_remove_each_other(bundle: Bundle, place: Path) -> None:
    with PrivateFiles(bundle) as one:
        one.add(FILES)
        PrivateFiles(bundle).close()
        assert one.bundle().file("weights/of/a.data").read_bytes() == b"weights"


def test_a_folder_that_cannot_be_marked_is_not_left(
    bundle: Bundle, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without inodes, or beyond a quota; here the mark's path is longer than Linux takes."""
    deep = place
    while (missing := 4070 - len(os.fsencode(deep))) > 2:
        deep /= "a" * min(200, missing - 1)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(StorageError, match="there is no place for them"):
        PrivateFiles(bundle)
    assert (list(deep.iterdir()), sorted(Path("/proc/self/fd").iterdir())) == ([], before)


def test_without_a_place_for_temporary_files(bundle: Bundle, place: Path) -> None:
    place.rmdir()
    with pytest.raises(StorageError) as caught:
        PrivateFiles(bundle)
    told = "temporary files: there is no place for them (No such file or directory); let TMPDIR name a folder"
    assert str(caught.value).startswith(told)
