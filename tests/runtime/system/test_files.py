"""Files and folders are replaced whole or not at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import StorageError
from runtime.system.files import (
    check_replaceable,
    held,
    hold,
    is_mount_point,
    replace_folder,
    sha256_of_file,
    write_atomically,
)
from tests.conftest import ROOT

# Run apart: the limit would hold for this process's own output, too, where that is a file.
SCRIPT = """
import resource, sys
from pathlib import Path
from runtime.errors import StorageError
from runtime.system.files import write_atomically
file = Path(sys.argv[1])
write_atomically(file, b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(file, b"n" * 2000)
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("size", [0, 1, (1 << 24) - 1, 1 << 24, 40_000_000])
def test_digest_is_that_of_the_content(tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    content = bytes(range(251)) * (size // 251 + 1)
    file.write_bytes(content[:size])
    assert sha256_of_file(file) == hashlib.sha256(content[:size]).hexdigest()


def test_full_disk_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "file"
    line = [sys.executable, "-c", SCRIPT, str(file)]
    said = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "no space left" in said.stdout
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux exchanges two names in one step")
@pytest.mark.parametrize("relative", [False, True])
def test_on_linux_two_folders_are_exchanged_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    old, new = (Path(name) if relative else tmp_path / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        (folder / folder.name).touch()
    # The way of two renames, which has an instant without a folder, would need this name.
    (tmp_path / "new.old").mkdir()
    (tmp_path / "new.old" / "in the way").touch()
    replace_folder(new, old)
    assert [path.name for path in old.iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.old", "old"]


def test_elsewhere_the_old_folder_is_set_aside_and_then_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / folder.name).touch()
    replace_folder(new, old, exchange=lambda *_: False)
    assert [path.name for path in old.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [old]


def test_a_lock_is_held_until_it_is_given_back(tmp_path: Path) -> None:
    assert not held(tmp_path)
    lock = hold(tmp_path)
    assert held(tmp_path)
    with pytest.raises(BlockingIOError):
        hold(tmp_path)
    os.close(lock)
    assert not held(tmp_path)
    with pytest.raises(FileNotFoundError):
        held(tmp_path / "none")


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path) -> None:
    calls: list[str] = []

    def note(frame: object, event: str, called: object) -> None:
        if event == "c_call":
            calls.append(getattr(called, "__name__", ""))

    sys.setprofile(note)
    try:
        write_atomically(tmp_path / "file", b"content")
    finally:
        sys.setprofile(None)
    order = [name for name in calls if name in ("write", "fsync", "replace", "rename")]
    assert order == ["write", "fsync", order[-1]]
    assert order[-1] in ("replace", "rename")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_mount_point_is_known(tmp_path: Path) -> None:
    assert is_mount_point(Path("/"))
    assert not is_mount_point(tmp_path)
    assert not is_mount_point(tmp_path / "none")
    with pytest.raises(StorageError, match="/: a mount point, which cannot be replaced as a whole; give a name inside"):
        check_replaceable(Path("/"))
    check_replaceable(tmp_path)


_MOUNTED = """
mkdir "$1/a folder" && touch "$1/o.jsonl" && mount --bind "$1/a folder" "$1/a folder" || exit 77
mount --bind "$1/o.jsonl" "$1/o.jsonl" || exit 77
"$2" -c "
import sys; from pathlib import Path; from runtime.system.files import check_replaceable
for name in ('a folder', 'o.jsonl'):
    try:
        check_replaceable(Path(sys.argv[1]) / name)
    except Exception as error:
        print(type(error).__name__)
" "$1"
"""


def test_what_a_container_binds_is_a_mount_point(tmp_path: Path) -> None:
    """docker run -v folder:folder binds a place of the same file system, which os.path.ismount does not see."""
    line = ["unshare", "-m", "sh", "-c", _MOUNTED, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this user may not mount")
    assert done.stdout.split() == ["StorageError", "StorageError"], done.stderr
