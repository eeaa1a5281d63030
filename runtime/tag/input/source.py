"""The bytes of an input: a file, a gzip file (by its name), or standard input. The module does not know formats."""

from __future__ import annotations

import io
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from runtime.errors import CorpusError

STANDARD = "-"
GZIP = ".gz"
# Bytes of a file that are read at once.
_BLOCK = 1 << 20


class Source:
    """One input.

    Args:
        name: a path, or "-" for standard input.

    Attributes:
        name: the same.
        is_standard: whether it is standard input.
        file: its name in messages.
        size: number of bytes on the disk, before unpacking; 0 for standard input, pipes and devices, whose size is
            not known before their end.

    Raises:
        CorpusError: there is no such file, or it is a folder.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_standard = name == STANDARD
        self.file = "standard input" if self.is_standard else name
        self.size = 0
        self._raw: BinaryIO | None = None
        self._passed = False
        if not self.is_standard:
            self._check()

    def _check(self) -> None:
        try:
            found = Path(self.name).stat()
        except OSError as error:
            raise _unreadable(self.file, error) from error
        except ValueError as error:  # a NUL in the name
            raise CorpusError(repr(self.name), str(error), "give the name of a file") from error
        if stat.S_ISDIR(found.st_mode):
            raise CorpusError(self.file, "it is a folder", "give the files in it")
        self.size = found.st_size if stat.S_ISREG(found.st_mode) else 0

    @property
    def position(self) -> int:
        """Number of bytes of `size` that are read; 0 where `size` is unknown."""
        # The packed file's own position: how far an unpacked one is says nothing about what is left.
        if self._passed or not self.size or not self._raw:
            return self.size if self._passed else 0
        return self._raw.tell()

    def pass_over(self) -> None:
        """Count the input as read, without reading it."""
        self._passed = True

    def head(self, count: int) -> bytes:
        """The first bytes, at most `count`; none of an input that can be read only once."""
        if not self.size:
            return b""
        with self.open() as file:
            head = self._read(file, count)
        # It will be read again from the beginning; its position must not count this look.
        self._passed, self._raw = False, None
        return head

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The content as a file, from its beginning; unpacked where the name ends in .gz.

        Raises:
            CorpusError: the file cannot be opened.
        """
        if self.is_standard:
            yield sys.stdin.buffer
            return
        try:
            self._raw = Path(self.name).open("rb")  # noqa: SIM115  # the with below closes it
        except OSError as error:
            raise _unreadable(self.file, error) from error
        with self._raw:
            yield _unpacked(self._raw) if self.name.endswith(GZIP) else self._raw
            self.pass_over()

    def lines(self, file: BinaryIO) -> Iterator[bytes]:
        """The lines of an opened file with their line ends. Only \\n ends a line.

        Raises:
            CorpusError: reading fails, or the gzip data are damaged.
        """
        try:
            yield from file
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable(self.file, error) from error

    def blocks(self, file: BinaryIO, count: int) -> Iterator[bytes]:
        """The next `count` bytes of an opened file, in blocks; fewer where the file ends before.

        Raises:
            CorpusError: as `lines`.
        """
        while count and (block := self._read(file, min(count, _BLOCK))):
            yield block
            count -= len(block)

    def is_same_file(self, path: Path) -> bool:
        """Whether the path leads to this input's file."""
        return not self.is_standard and path.exists() and path.samefile(self.name)

    def _read(self, file: BinaryIO, count: int) -> bytes:
        try:
            return file.read(count)
        except (OSError, EOFError, zlib.error) as error:
            raise _unreadable(self.file, error) from error


def _unpacked(file: BinaryIO) -> BinaryIO:
    import gzip  # not at the top: most runs do not need it

    # GzipFile would look for line ends in Python; the buffer around it does so in C.
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file, mode="rb"))))


def _unreadable(file: str, error: Exception) -> CorpusError:
    problem = getattr(error, "strerror", None) or str(error)
    return CorpusError(file, problem, "give a file that can be read")
