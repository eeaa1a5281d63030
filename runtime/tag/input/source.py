"""The bytes of an input: a file, a pipe, or standard input, unpacked. The module does not know formats."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from runtime.errors import CorpusError
from runtime.tag.compression import compression_of, reading_errors, unpacked
from runtime.tag.input.opened import Peeked, buffered, check_kind, is_once, open_file

STANDARD = "-"
# Bytes of a file that are read at once.
_BLOCK = 1 << 20
# Bytes that tell how a file is packed.
_MAGIC = 8
# Seconds to wait for somebody who writes into a named pipe.
PATIENCE = 60.0

T = TypeVar("T")


class Source:
    """One input.

    Args:
        name: a path, or "-" for standard input.
        patience: seconds to wait for somebody who writes into a named pipe.

    Attributes:
        name: the same.
        is_standard: whether it is standard input.
        file: its name in messages.
        size: number of bytes on the disk, before unpacking; 0 for standard input and pipes, whose size is not known
            before their end.

    Raises:
        CorpusError: there is no such file, or it is a folder or a device.
    """

    def __init__(self, name: str, *, patience: float = PATIENCE) -> None:
        self.name = name
        self.is_standard = name == STANDARD
        self.file = "standard input" if self.is_standard else name
        self.size = 0
        self._patience = patience
        self._once = self.is_standard
        self._raw: BinaryIO | None = None
        # The content of what can be read only once, which a look has opened.
        self._kept: Peeked | None = None
        self._passed = False
        self._check()

    def _check(self) -> None:
        try:
            found = os.fstat(sys.stdin.fileno()) if self.is_standard else Path(self.name).stat()
        except OSError as error:
            if self.is_standard:  # a program that calls this one may have put another object in its place
                return
            raise _unreadable(self.file, error) from error
        except ValueError as error:  # a NUL in the name
            raise CorpusError(repr(self.name), str(error), "give the name of a file") from error
        check_kind(found, "/dev/stdin" if self.is_standard else self.name)
        self._once = self.is_standard or is_once(found.st_mode)
        self.size = 0 if self._once else found.st_size

    @property
    def can_be_read_again(self) -> bool:
        """Whether it is a file, and not a pipe or a terminal."""
        return not self._once

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
        """The first bytes, at most `count`; of a pipe, those that are there, and none of a terminal.

        Raises:
            CorpusError: reading fails.
        """
        if self._once:
            return b"" if self._is_terminal() else self._guarded(lambda: self._once_opened().head(count))
        with self.open() as file:
            head = self._read(file, count)
        # It will be read again from the beginning; its position must not count this look.
        self._passed, self._raw = False, None
        return head

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The content as a file, from its beginning; unpacked where its name or its first bytes say that it is packed.

        Raises:
            CorpusError: the file cannot be opened.
        """
        if self._once:
            yield self._guarded(lambda: buffered(self._once_opened()))
            self.pass_over()
            if self._raw:
                self._raw.close()
            return
        self._raw = self._opened()
        with self._raw:
            yield self._guarded(lambda: self._content(self._raw))
            self.pass_over()

    def lines(self, file: BinaryIO, *, most: int = sys.maxsize) -> Iterator[bytes]:
        """The lines of an opened file with their line ends. Only \\n ends a line.

        Args:
            file: the opened file.
            most: largest number of bytes of a line.

        Raises:
            CorpusError: reading fails, packed data are damaged, or a line is longer.
        """
        try:
            while line := file.readline(most):
                if len(line) == most and not line.endswith(b"\n"):
                    raise too_large(self.file, "a line", most)
                yield line
        except Exception as error:  # not the end of this generator, which is no moment to import what may be raised
            if isinstance(error, reading_errors()):
                raise _unreadable(self.file, error) from error
            raise

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

    def _opened(self) -> BinaryIO:
        try:
            return open_file(self.name, patience=self._patience)
        except OSError as error:
            raise _unreadable(self.file, error) from error

    def _once_opened(self) -> Peeked:
        if self._kept is None:
            if not self.is_standard:
                self._raw = self._opened()
            peeked = Peeked(self._raw or sys.stdin.buffer)
            # A terminal is not looked into: whoever types is not asked for a line before the tagger is open.
            packed = None if self._is_terminal() else compression_of(self.name, peeked.head(_MAGIC))
            self._kept = Peeked(unpacked(buffered(peeked), packed)) if packed else peeked
        return self._kept

    def _is_terminal(self) -> bool:
        return sys.stdin.isatty() if self.is_standard else False

    def _content(self, raw: Any) -> BinaryIO:
        packed = compression_of(self.name, raw.peek(_MAGIC))
        return unpacked(raw, packed) if packed else raw

    def _read(self, file: BinaryIO, count: int) -> bytes:
        return self._guarded(lambda: file.read(count))

    def _guarded(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except reading_errors() as error:
            raise _unreadable(self.file, error) from error


def too_large(file: str, what: str, most: int) -> CorpusError:
    """An input that holds more than may be held at once."""
    problem = f"{what} of {most:,} bytes or more, as if it had no end"
    return CorpusError(file, problem, "cut it into texts, or give a larger --max-text")


def _unreadable(file: str, error: Exception) -> CorpusError:
    problem = getattr(error, "strerror", None) or str(error)
    return CorpusError(file, problem, "give a file that can be read")
