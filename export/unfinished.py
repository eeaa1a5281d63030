"""What an export has worked out so far, kept beside the bundle: one that was killed goes on where it was.

int8 of a large model is an hour of work before a file of the bundle is there. Each part of it is kept under the digest
of all that it was made of, and taken up again only where that is the same; the bytes are those of an export in one go.
The folder is removed when an export to that place has succeeded.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.errors import storage_error

Arrays = Mapping[str, NDArray[np.generic]]


class Unfinished(Protocol):
    """Work by name; see this module."""

    def has(self, name: str) -> bool:
        """Whether it is there, whole."""
        ...

    def load(self, name: str) -> Arrays:
        """What was kept under a name that it has."""
        ...

    def keep(self, name: str, arrays: Arrays) -> None:
        """Keep it."""
        ...


class Forgetful:
    """Keeps nothing."""

    def has(self, name: str) -> bool:
        """See Unfinished."""
        return False

    def load(self, name: str) -> Arrays:
        """See Unfinished."""
        raise KeyError(name)

    def keep(self, name: str, arrays: Arrays) -> None:
        """See Unfinished."""


@dataclass(frozen=True, slots=True)
class InFolder:
    """Keeps each part in a file of its own.

    Attributes:
        folder: where; it need not exist.
    """

    folder: Path

    def has(self, name: str) -> bool:
        """See Unfinished. A damaged file counts as none: the work is done again."""
        try:
            # The end of the archive is read, and the checksum of each array.
            with zipfile.ZipFile(self._file(name)) as archive:
                return archive.testzip() is None
        except (OSError, zipfile.BadZipFile):
            return False

    def load(self, name: str) -> Arrays:
        """See Unfinished."""
        with np.load(self._file(name), allow_pickle=False) as kept:
            return {each: kept[each] for each in kept.files}

    def keep(self, name: str, arrays: Arrays) -> None:
        """See Unfinished.

        Raises:
            StorageError: no permission, or no space.
        """
        file = self._file(name)
        half = file.with_name(f"{file.name}.half")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            named: dict[str, Any] = dict(arrays)
            with half.open("wb") as out:
                np.savez(out, **named)
            half.replace(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                half.unlink()
            raise storage_error(error) from error

    def _file(self, name: str) -> Path:
        return self.folder / f"{digest(name)[:32]}.npz"


def unfinished_of(output: Path) -> Path:
    """Where the unfinished work of an export to that place lies."""
    return output.with_name(f".{output.name}.unfinished")


def kept_for(folder: Path, **made_of: Any) -> InFolder:
    """The work that is made of these things; what was made of others is removed, for nobody will ask for it.

    Args:
        folder: of unfinished_of.
        made_of: all that decides what comes out: digests, options, versions.
    """
    own = folder / digest(made_of)[:32]
    for other in folder.iterdir() if folder.is_dir() else ():
        if other != own:
            shutil.rmtree(other, ignore_errors=True)
    return InFolder(own)


def digest(value: object) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
