"""Where a bundle is made, and who may change one: nobody else at the same time, and never anything but a bundle.

The lock is a file beside the bundle that the kernel locks for this process. It is given up however the process ends,
and counts in every container that sees the file, where process numbers mean nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.report.write import FACTS, PAGE, reports_in
from runtime.bundle.signature import SIGNATURE
from runtime.bundle.store import MANIFEST, sealed_files
from runtime.errors import BundleError, StorageError, storage_error
from runtime.system.files import check_replaceable, hold


@contextmanager
def exclusive(bundle: Path, *, new: bool = False) -> Iterator[Path]:
    """The place of a bundle, links followed, while nobody else exports to it, certifies or tunes it.

    A bundle that an export was about to replace when it was killed is put back first.

    Args:
        bundle: its folder.
        new: it may be there only afterwards, and the folders that it lies in, too.

    Raises:
        StorageError: another process is at it, no permission, or no such folder.
    """
    place = Path(os.path.realpath(bundle))
    if not place.name:
        raise StorageError(str(bundle), "the root of all folders is no bundle", "give a folder in it")
    try:
        if new:
            place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(place.with_name(f".{place.name}.lock"))
    except BlockingIOError as error:
        problem = "another process exports, certifies or tunes it"
        raise StorageError(str(bundle), problem, "wait for that one, or choose another folder") from error
    except OSError as error:
        raise storage_error(error) from error
    try:
        _put_back(place)
        _remove_halves(place)
        yield place
    finally:
        # While it is still locked: whoever waits for this very file will see that it has no name any more.
        place.with_name(f".{place.name}.lock").unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def unchanged(bundle: Path) -> Iterator[Path]:
    """The place of a bundle, links followed, that is to be read while nobody changes it.

    Raises:
        StorageError: another process is at it.
    """
    place = Path(os.path.realpath(bundle))
    if os.access(place.parent, os.W_OK):
        with exclusive(bundle) as held:
            yield held
    else:  # who reads it compares digests all the same
        yield place


def check_output(output: Path) -> None:
    """Refuse to put a bundle in the place of anything but a bundle or an empty folder.

    Raises:
        StorageError: it is a mount point, something else is there, or beside the files of a bundle in its folder.
    """
    check_replaceable(output)
    if not output.exists():
        return
    fix = "remove it, or give another --output"
    if not output.is_dir():
        raise StorageError(str(output), "it exists and is not a bundle", fix)
    there = {
        path.relative_to(output).as_posix() for path in output.rglob("*") if not path.is_dir() or path.is_symlink()
    }
    if not there:
        return
    try:
        ours = sealed_files(output)
    except BundleError as error:
        raise StorageError(str(output), f"it exists and is not a bundle ({error.problem})", fix) from error
    foreign = sorted(there - ours - reports_in(output))
    if foreign:
        problem = f"a bundle with files that are not its own ({', '.join(foreign[:3])})"
        raise StorageError(str(output), problem, "move them elsewhere, or give another --output")


@contextmanager
def staging(output: Path) -> Iterator[Path]:
    """An empty folder beside `output`, on the same file system; removed at the end, unless it was moved into place.

    What an export that was killed has left behind is removed too: who holds the lock of `exclusive` is alone.

    Raises:
        StorageError: no permission, or no space.
    """
    folder = output.with_name(f".{output.name}.staging-{os.getpid()}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        for left in _left(output):
            shutil.rmtree(left)
        folder.mkdir()
    except OSError as error:
        raise storage_error(error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _locked(path: Path) -> int:
    """A descriptor that holds the lock of the file with that name."""
    while True:
        _check_lock(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666))
        try:
            descriptor = hold(path)
        except FileNotFoundError:
            continue
        # The one before may have removed the file in between; then the lock is of a file that nobody will ask for.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)


def _check_lock(path: Path) -> None:
    """Refuse a file that is no lock of ours, which are empty: it would be removed at the end, or waited for.

    Raises:
        StorageError: such a file is there.
    """
    try:
        there = path.lstat()
    except FileNotFoundError:
        return
    if there.st_size or not stat.S_ISREG(there.st_mode):
        problem = "it is there and is no lock of Nerve's, which gets that name"
        raise StorageError(str(path), problem, "move it elsewhere, or choose another folder")


def _put_back(place: Path) -> None:
    """Where folders cannot be exchanged in one step, an export that was killed between two may have left this."""
    aside = sorted(path for path in _left(place) if path.name.endswith(".old"))
    if aside and not place.exists():
        aside[0].rename(place)


def _remove_halves(place: Path) -> None:
    """What a process that was killed was about to write into the bundle: half a file, under a name of its own."""
    for path in place.iterdir() if place.is_dir() else ():
        if _HALF.fullmatch(path.name) and path.is_file():
            path.unlink()


# As runtime.system.files.write_atomically names them.
_HALF = re.compile(rf"\.({'|'.join(map(re.escape, (MANIFEST, SIGNATURE, PAGE, FACTS)))})\.[0-9]+\.tmp")


def _left(output: Path) -> list[Path]:
    """What exports of this bundle that were killed have left behind: folders with names as `staging` gives them."""
    ours = re.compile(rf"\.{re.escape(output.name)}\.staging-[0-9]+(\.old)?")
    there = [path for path in output.parent.iterdir() if ours.fullmatch(path.name)]
    return [path for path in there if path.is_dir() and not path.is_symlink()]
