"""Files and folders are replaced whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from runtime.errors import StorageError
from runtime.system.files import (
    check_replaceable,
    copy_with_sha256,
    held,
    hold,
    is_mount_point,
    name_for_others,
    open_regular,
    read_regular,
    regular_size,
    replace_folder,
    sha256_of_file,
    write_atomically,
)
from tests.conftest import ROOT
from tests.system_calls import called

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


@contextmanager
def _without_waiting() -> Iterator[None]:
    """A TimeoutError in what waits for longer than 5 seconds."""

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(5)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    place = Path("/dev/zero") if kind == "device" else tmp_path / "place"
    if kind == "pipe":
        os.mkfifo(place)
    if kind == "folder":
        place.mkdir()
    before = _open_files()
    for read in (open_regular, regular_size, sha256_of_file, lambda path: read_regular(path, most=10)):
        with _without_waiting(), pytest.raises(OSError, match="it is not a regular file") as caught:
            read(place)
        assert (caught.value.errno, caught.value.filename) == (errno.EINVAL, str(place))
    assert _open_files() == before


def test_no_more_is_read_than_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1234)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(tmp_path / "link", most=1234) == b"x" * 1234
    assert regular_size(tmp_path / "link") == 1234
    with pytest.raises(OSError, match="1,234 bytes, at most 1,233 are read") as caught:
        read_regular(tmp_path / "link", most=1233)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "link"))


def test_a_copy_and_its_digest_are_of_what_is_left_of_the_file(tmp_path: Path) -> None:
    content = bytes(range(251)) * 10_000  # blocks are of 1 MiB
    (tmp_path / "file").write_bytes(content)
    with open_regular(tmp_path / "file") as source, FileIO(tmp_path / "copy", "xb") as copy:
        source.seek(100)
        assert copy_with_sha256(source, copy) == hashlib.sha256(content[100:]).hexdigest()
    assert (tmp_path / "copy").read_bytes() == content[100:]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_copy_that_finds_no_space_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    source, full = open_regular(tmp_path / "file"), FileIO("/dev/full", "wb")
    with source, full, pytest.raises(StorageError, match="no space left"):
        copy_with_sha256(source, full)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"/none/.*: No such file or directory; check the path"):
        write_atomically(tmp_path / "none" / "file", b"content")
    with pytest.raises(StorageError, match=r"/none: No such file or directory; check the path"):
        replace_folder(tmp_path / "none", tmp_path / "old")


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


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_file_in_the_place_of_a_folder_stays(tmp_path: Path, exchanges: bool) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.mkdir()
    old.write_text("a thesis")
    with pytest.raises(StorageError, match="Not a directory"):
        replace_folder(new, old, exchange=None if exchanges else lambda *_: False)
    assert (new.is_dir(), old.read_text()) == (True, "a thesis")


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
    with called("write", "fsync", "replace", "rename") as order:
        write_atomically(tmp_path / "file", b"content")
    assert order[:-1] == ["write", "fsync"]
    assert order[-1] in ("replace", "rename")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_mount_point_is_known(tmp_path: Path) -> None:
    assert is_mount_point(Path("/"))
    assert not is_mount_point(tmp_path)
    assert not is_mount_point(tmp_path / "none")
    with pytest.raises(StorageError) as caught:
        check_replaceable(Path("/"))
    told = "/: a mount point, which cannot be replaced as a whole; give a name inside it, such as /output"
    assert str(caught.value) == told
    check_replaceable(tmp_path)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (b"plain", b"plain"),
        (b"a b\tc\nd\\e", rb"a\040b\011c\012d\134e"),
        (b"ends\x0cof\rlines\xe2\x80\xa8here", b"ends\x0cof\rlines\xe2\x80\xa8here"),
        (b"no \xff utf-8", b"no\\040\xff utf-8".replace(b" ", b"\\040")),
    ],
)
def test_what_the_kernels_table_names_is_a_mount_point(tmp_path: Path, name: bytes, written: bytes) -> None:
    folder, table = os.fsencode(tmp_path), tmp_path / "mountinfo"
    line = b"36 35 98:0 /source %s rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
    table.write_bytes(line % b"/" + line % (folder + b"/" + written) + line % b"/proc")
    assert is_mount_point(tmp_path / os.fsdecode(name), table=table)
    # What is beside it, above it or mounted from there is none.
    for other in (tmp_path / "other", tmp_path, Path("/source"), tmp_path / os.fsdecode(written + b"x")):
        assert not is_mount_point(other, table=table)
    assert not is_mount_point(tmp_path / os.fsdecode(name), table=tmp_path / "no table")


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


def test_a_name_for_others_tells_of_no_machine_and_nobody() -> None:
    assert name_for_others("/work/shared/data/conll2003/valid.txt") == "conll2003/valid.txt"
    assert name_for_others("/home/anna/valid.txt") == name_for_others("/valid.txt") == "valid.txt"
    for name in ("dslim/bert-base-NER@refs/pr/1", "build/quickstart", "generated news", ""):
        assert name_for_others(name) == name
