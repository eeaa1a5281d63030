"""Folders for what libraries compile: where they are told to be, one a bundle, and not without end."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.bundle.manifest import FileDigest
from runtime.bundle.store import Manifest, open_bundle
from runtime.system.cache import KEPT, MARK, cache_folder, read_kept, write_kept


@pytest.fixture(scope="module")
def manifest(tiny_bundle: Path) -> Manifest:
    return open_bundle(tiny_bundle).manifest


def other(manifest: Manifest, number: int) -> Manifest:
    """A bundle with other weights beside the same graphs, which can be equal byte by byte."""
    return replace(manifest, files={**manifest.files, "weights.data": FileDigest(f"{number:064}", 1)})


def test_what_is_kept_is_read_as_it_was_written_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    assert read_kept(file) == b""
    for content in (b"", b"\n", b"compiled\n\0code"):
        write_kept(file, content)
        assert read_kept(file) == content
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole + b"x", whole[1:], whole[:-1] + b"f", b"", b"compiled\n\0code"):
        file.write_bytes(damaged)
        assert read_kept(file) == b""
    file.unlink()
    os.mkfifo(file)
    assert read_kept(file) == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_another_user_wrote_is_not_read(tmp_path: Path) -> None:
    write_kept(tmp_path / "kept", b"compiled")
    os.chown(tmp_path / "kept", 12345, -1)
    assert read_kept(tmp_path / "kept") == b""


def test_what_others_can_write_into_is_not_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_kept(tmp_path / "kept", b"compiled")
    finally:
        os.umask(before)
    assert read_kept(tmp_path / "kept") == b"compiled"
    for mode in (0o660, 0o606):
        (tmp_path / "kept").chmod(mode)
        assert read_kept(tmp_path / "kept") == b""


def test_what_was_kept_for_something_else_is_not_read(tmp_path: Path) -> None:
    write_kept(tmp_path / "kept", b"compiled")
    (tmp_path / "kept").rename(tmp_path / "other")
    assert read_kept(tmp_path / "other") == b""


def test_it_lies_where_it_is_told(manifest: Manifest, tmp_path: Path) -> None:
    told = {"NERVE_CACHE": str(tmp_path / "here"), "XDG_CACHE_HOME": str(tmp_path / "there")}
    assert Path(cache_folder("openvino", manifest, told)).parent == tmp_path / "here" / "openvino"
    del told["NERVE_CACHE"]
    assert Path(cache_folder("openvino", manifest, told)).parent == tmp_path / "there" / "nerve" / "openvino"
    (tmp_path / "file").write_text("")
    assert cache_folder("openvino", manifest, {"NERVE_CACHE": str(tmp_path / "file")}) == ""


def test_those_of_the_last_bundles_are_kept_and_no_more(manifest: Manifest, tmp_path: Path) -> None:
    told = {"NERVE_CACHE": str(tmp_path)}
    folders = [Path(cache_folder("openvino", other(manifest, number), told)) for number in range(KEPT)]
    for age, folder in enumerate(folders):
        os.utime(folder, (age, age))
    (folders[0] / "blob").write_bytes(b"compiled")
    again = Path(cache_folder("openvino", other(manifest, 0), told))  # so that another one is the oldest now
    new = Path(cache_folder("openvino", other(manifest, KEPT), told))
    assert again == folders[0]
    assert (again / "blob").exists()
    assert {*new.parent.iterdir()} == {*folders, new} - {folders[1]}


def test_folders_that_are_not_ours_are_never_removed(manifest: Manifest, tmp_path: Path) -> None:
    told, theirs = {"NERVE_CACHE": str(tmp_path)}, tmp_path / "openvino" / "photographs"
    theirs.mkdir(parents=True)
    os.utime(theirs, (1, 1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / MARK).touch()
    (tmp_path / "openvino" / "link").symlink_to(elsewhere)
    for number in range(KEPT + 3):
        cache_folder("openvino", other(manifest, number), told)
    assert theirs.is_dir()
    assert (elsewhere / MARK).exists()
    assert len([*(tmp_path / "openvino").iterdir()]) == KEPT + 2


@pytest.mark.parametrize(
    "told", [{"NERVE_CACHE": "~nobody-of-that-name/x"}, {"XDG_CACHE_HOME": "~nobody-of-that-name"}]
)
def test_nobodys_home_is_no_cache(manifest: Manifest, told: dict[str, str]) -> None:
    assert cache_folder("openvino", manifest, told) == ""
