"""Copies of a bundle's files that nobody else can change, verified while they are copied.

Libraries map files into memory. Who writes into such a file changes the answers of a tagger that is open, and who
swaps it between verifying and loading is served. So a library gets a copy in a folder of ours with a random name, and
the folder is removed once the library has opened what is in it: the mapped bytes then have no name any more.
What it costs: the time to write the copy, and as much space in the folder for temporary files (TMPDIR).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Self

from runtime.bundle.store import Bundle, check_digest
from runtime.errors import StorageError
from runtime.system.files import copy_with_sha256, held, hold, open_regular

_PREFIX = "nerve-private-"
# An empty file in every such folder: what lacks it, somebody else has given that name. No bundle's file is hidden.
_MARK = ".nerve-private"
# Seconds after which a folder that no process holds was left behind by one that was killed.
_LEFT_BEHIND = 60.0
_FIX = "let TMPDIR name a folder that can be written, with space for it"


class PrivateFiles:
    """A folder of verified copies; use it in a `with` statement, or call `close`.

    Args:
        bundle: whose files. One that is no sealed bundle is read where it lies: nothing vouches for its bytes.

    Raises:
        StorageError: there is no place for temporary files.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._folder, self._lock = _held_folder()

    def bundle(self) -> Bundle:
        """The same bundle with its files here."""
        return replace(self._bundle, files_at=self._folder)

    def add(self, names: Iterable[str]) -> None:
        """Copy files; those that are here already stay.

        Raises:
            BundleError: a file is missing, or not what the manifest says.
            StorageError: no permission, or no space.
        """
        for name in names:
            if not (self._folder / name).exists():
                self._add(name)

    def close(self) -> None:
        """Remove the folder; a second call does nothing. What is mapped stays readable to who has mapped it."""
        if self._lock < 0:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        # The number may be another file's from now on, so it is given back once.
        lock, self._lock = self._lock, -1
        os.close(lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, name: str) -> None:
        copy = self._folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        source = self._bundle.path / name

        def copied() -> str:
            with open_regular(source) as file, FileIO(copy, "xb") as target:
                try:
                    return copy_with_sha256(file, target)
                except StorageError as error:
                    raise StorageError(
                        "temporary files", f"{name} could not be copied ({error.problem})", _FIX
                    ) from error

        check_digest(source, self._bundle.manifest.files[name], copied)


@contextmanager
def private_folder() -> Iterator[Path]:
    """Such a folder, for what is not a bundle's file. It is removed at the end, or by the next one after a kill.

    Raises:
        StorageError: there is no place for temporary files.
    """
    folder, lock = _held_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _held_folder() -> tuple[Path, int]:
    """A new folder, and the lock that says that a process holds it.

    Raises:
        StorageError: there is no place for temporary files.
    """
    try:
        _remove_left_behind(Path(tempfile.gettempdir()))
        return _marked(Path(tempfile.mkdtemp(prefix=_PREFIX)))
    except OSError as error:
        problem = f"there is no place for them ({error.strerror or error})"
        raise StorageError("temporary files", problem, _FIX) from error


def _marked(folder: Path) -> tuple[Path, int]:
    """A new folder with its mark, and its lock; no folder is left where there is no place for them.

    Raises:
        OSError: no inodes, or a quota.
    """
    lock = -1
    try:
        lock = hold(folder)
        (folder / _MARK).touch()
    except OSError:
        if lock >= 0:
            os.close(lock)
        with suppress(OSError):
            (folder / _MARK).unlink(missing_ok=True)
        folder.rmdir()
        raise
    return folder, lock


def _remove_left_behind(place: Path) -> None:
    """Folders of processes that were killed before they could remove theirs."""
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            # A new folder may not be held yet.
            is_old = time.time() - folder.stat().st_mtime > _LEFT_BEHIND
            if is_old and (folder / _MARK).is_file() and not held(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # another process was faster, or it is not ours
