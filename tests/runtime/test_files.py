"""Files and folders are replaced whole or not at all."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import StorageError
from runtime.files import replace_folder, sha256_of_file, write_atomically


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """No file of this process may grow beyond 1,000 bytes: what a full disk feels like."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_digest_is_that_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 3_000_000)
    assert sha256_of_file(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()


@pytest.mark.usefixtures("small_files_only")
def test_full_disk_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_atomically(file, b"old")
    with pytest.raises(StorageError, match="no space left"):
        write_atomically(file, b"n" * 2000)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("exists", [True, False])
def test_folder_takes_the_place_of_another(tmp_path: Path, exists: bool) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    if exists:
        old.mkdir()
        (old / "left").touch()
    new.mkdir()
    (new / "file").write_text("new")
    replace_folder(new, old)
    assert [path.name for path in old.iterdir()] == ["file"]
    assert list(tmp_path.iterdir()) == [old]
