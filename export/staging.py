"""A place beside the output where a bundle is made, so that the old one stays whole until the new one is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.bundle.store import MANIFEST
from runtime.errors import StorageError, storage_error


def check_output(output: Path) -> None:
    """Refuse to put a bundle in the place of anything but a bundle or an empty folder.

    Raises:
        StorageError: something else is there.
    """
    if output.is_dir() and ((output / MANIFEST).is_file() or not any(output.iterdir())):
        return
    if output.exists() or output.is_symlink():
        raise StorageError(str(output), "it exists and is not a bundle", "remove it, or give another --output")


@contextmanager
def staging(output: Path) -> Iterator[Path]:
    """An empty folder beside `output`, on the same file system; removed at the end, unless it was moved into place.

    What an export that was killed has left behind is removed too.

    Raises:
        StorageError: no permission, or no space.
    """
    folder = output.with_name(f".{output.name}.staging-{os.getpid()}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        for left in output.parent.glob(f".{output.name}.staging-*"):
            if not _alive(left.name.rpartition("-")[2]):
                shutil.rmtree(left)
        folder.mkdir()
    except OSError as error:
        raise storage_error(error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: str) -> bool:
    """Whether the process that made a staging folder still runs; our own number means a process long gone."""
    if not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
