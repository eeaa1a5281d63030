"""Files written whole or not at all, and their digests. It knows nothing of what is in them."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path, PurePosixPath

from runtime.errors import StorageError, storage_error

# Bytes of a file that are read at once.
_BLOCK = 1 << 24
# Small enough to be still in the CPU's cache when it is written.
_COPIED_BLOCK = 1 << 20
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h
_MOUNTS = Path("/proc/self/mountinfo")


def name_for_others(path: str) -> str:
    """A file's name and its folder's, without the way to them, which tells of a machine and of who works there.

    Args:
        path: an absolute one; anything else, such as a hub id or a relative path, is left as it is.

    Returns:
        such as "conll2003/valid.txt". Of a folder that is one of the two outermost (/home/somebody) nothing is told.
    """
    parts = PurePosixPath(path).parts
    if not path.startswith("/"):
        return path
    return "/".join(parts[-2:] if len(parts) > 4 else parts[-1:])


def open_regular(path: Path) -> FileIO:
    """A file opened for reading, without a buffer. Links are followed.

    Raises:
        OSError: it cannot be opened, or is no regular file: a pipe would wait forever, a device might never end.
    """
    # Without O_NONBLOCK, opening a pipe waits for somebody to write to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return FileIO(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def only_we_write(file: FileIO) -> bool:
    """Whether nobody but this user and root can have written an open file: its owner, and who may write into it."""
    about = os.fstat(file.fileno())
    return about.st_uid in (os.geteuid(), 0) and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def regular_size(path: Path) -> int:
    """Bytes of a regular file; what open_regular raises for anything else."""
    with open_regular(path) as file:
        return os.fstat(file.fileno()).st_size


def read_regular(path: Path, *, most: int) -> bytes:
    """The content of a regular file of at most so many bytes.

    Raises:
        OSError: as open_regular, or it is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"{size:,} bytes, at most {most:,} are read", str(path))
        return file.read()


def sha256_of_file(path: Path) -> str:
    """The regular file's sha256 in hexadecimal, read in blocks.

    Raises:
        OSError: as open_regular.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        # Large blocks: after each, the interpreter is asked for, which a busy thread may keep for milliseconds.
        block = memoryview(bytearray(min(_BLOCK, os.fstat(file.fileno()).st_size)))
        while count := file.readinto(block):
            digest.update(block[:count])
    return digest.hexdigest()


def copy_with_sha256(source: FileIO, copy: FileIO) -> str:
    """Copy what is left of a file, and return the sha256 of that, in hexadecimal. It is read once.

    Raises:
        OSError: it cannot be read.
        StorageError: the copy cannot be written.
    """
    digest = hashlib.sha256()
    block = memoryview(bytearray(_COPIED_BLOCK))
    while count := source.readinto(block):
        digest.update(block[:count])
        try:
            _write_all(copy, block[:count])
        except OSError as error:
            raise storage_error(error) from error
    return digest.hexdigest()


def _write_all(target: FileIO, content: memoryview) -> None:
    while content:
        content = content[target.write(content) :]


def hold(place: Path) -> int:
    """Lock a file or folder for this process, and return the descriptor that holds the lock until it is closed.

    The kernel gives the lock back when the process ends, however it ends, and whatever its number looks like from
    another container.

    Raises:
        BlockingIOError: another process holds it.
        OSError: there is no such file, or no permission.
    """
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def held(folder: Path) -> bool:
    """Whether a process holds the folder's lock."""
    try:
        os.close(hold(folder))
    except BlockingIOError:
        return True
    return False


def is_mount_point(path: Path, *, table: Path = _MOUNTS) -> bool:
    """Whether a file system, or a file or folder of another place, is mounted there: it cannot be replaced as a whole.

    A bind mount of the same file system, as containers have them, is known to the kernel's table alone.

    Args:
        path: the place.
        table: the kernel's table of mounts; a system that has none knows no bind mounts.
    """
    real = os.path.realpath(path)
    if os.path.ismount(real):
        return True
    try:
        mounts = table.read_bytes().split(b"\n")
    except OSError:
        return False
    # The fifth field is the place. Of its characters only these are written as octal numbers (proc_pid_mountinfo(5)),
    # so the table is read as bytes: a name may hold what Python takes for the end of a line.
    place = re.sub(rb"[ \t\n\\]", lambda found: b"\\%03o" % ord(found[0]), os.fsencode(real))
    return any(mount.split(b" ")[4:5] == [place] for mount in mounts)


def check_replaceable(path: Path) -> None:
    """Refuse a place that could not be replaced, before the work for it begins.

    Raises:
        StorageError: it is a mount point.
    """
    if is_mount_point(path):
        problem = "a mount point, which cannot be replaced as a whole"
        raise StorageError(str(path), problem, f"give a name inside it, such as {path / 'output'}")


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file so that its name holds the old content or the new, and never a part.

    Args:
        path: the file.
        content: all of it.
        mode: of the file, less the process's umask.

    Raises:
        StorageError: no permission, or no space; the old content is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # Without a buffer, which would have to be emptied before it is synced.
        with FileIO(temporary, "wb", opener=partial(os.open, mode=mode)) as file:
            _write_all(file, memoryview(content))
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise storage_error(error) from error


def replace_folder(new: Path, old: Path, *, exchange: Callable[[Path, Path], bool] | None = None) -> None:
    """Put the folder `new` in the place of `old`, which may be missing, and remove what was there.

    Where `old` is a link, what it leads to is replaced.

    On Linux the two names are exchanged in one step of the kernel, so that `old` is never missing or half-written.
    Elsewhere there is an instant between two renames at which `old` is not there.

    Args:
        new, old: the folders.
        exchange: swaps two names in one step, or returns False; None: as this system can.

    Raises:
        StorageError: no permission, or `old` is no folder.
    """
    old = Path(os.path.realpath(old))
    try:
        if not old.exists():
            new.rename(old)
        elif not old.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(old))
        elif (exchange or _exchange)(new, old):
            shutil.rmtree(new)
        else:
            aside = new.with_name(f"{new.name}.old")
            old.rename(aside)
            new.rename(old)
            shutil.rmtree(aside)
    except OSError as error:
        raise storage_error(error) from error


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names atomically; False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # Linux's C library alone has it
    names = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    return rename is not None and bool(rename(*names, _RENAME_EXCHANGE) == 0)
