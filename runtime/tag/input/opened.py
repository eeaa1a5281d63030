"""Inputs as the system opens them: pipes that are looked into before they are read, and no wait or read without end.

The module does not know formats or compression.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from runtime.errors import CorpusError

_BLOCK = 1 << 16


class Peeked(io.RawIOBase):
    """A file whose first bytes can be looked at before they are read, as BufferedReader.peek does in a smaller way.

    Args:
        file: an open file with `read1`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file: Any = file
        self._head = b""

    def head(self, count: int) -> bytes:
        """The first bytes, at most `count`: as many as are there, and a whole line at least."""
        # A program that writes a line and waits for its answer sends no more than this line.
        while len(self._head) < count and b"\n" not in self._head and (more := self._file.read1(_BLOCK)):
            self._head += more
        return self._head[:count]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)]
        self._head = self._head[len(data) :]
        data = data or self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def buffered(file: io.RawIOBase) -> BinaryIO:
    """The file with a buffer, which looks for line ends in C."""
    return cast(BinaryIO, io.BufferedReader(file, _BLOCK))


def as_file(parts: Iterable[bytes]) -> BinaryIO:
    """A file that holds these bytes, which are made while it is read."""
    return buffered(_Parts(iter(parts)))


class _Parts(io.RawIOBase):
    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._left = parts, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = memoryview(part)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def is_once(mode: int) -> bool:
    """Whether a file of that mode can be read only once: a pipe, a socket, a terminal."""
    return not stat.S_ISREG(mode)


def check_kind(status: os.stat_result, name: str) -> None:
    """Refuse what holds no text: a folder, and devices, of which some never end.

    Raises:
        CorpusError: it is one.
    """
    if stat.S_ISDIR(status.st_mode):
        raise CorpusError(name, "it is a folder", "give the files in it")
    device = stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)
    if device and not (_is_null(status) or _is_terminal(name)):
        raise CorpusError(name, "it is a device", "give a file, or a pipe")


def open_file(name: str, *, patience: float) -> BinaryIO:
    """A file opened for reading. Opening a pipe waits for somebody who writes into it.

    Args:
        name: its path.
        patience: seconds to wait.

    Raises:
        CorpusError: nobody came.
        OSError: it cannot be opened.
    """
    path = Path(name)
    if not stat.S_ISFIFO(path.stat().st_mode):
        return path.open("rb")
    opened: list[BinaryIO] = []
    given_up = threading.Event()

    def wait() -> None:
        opened.append(path.open("rb"))
        if given_up.is_set():
            opened.pop().close()

    # A daemon thread, because nothing else ends the wait; it does not keep the process alive.
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(patience)
    if not opened:
        given_up.set()
        problem = f"a pipe into which nobody wrote for {patience:g} seconds"
        raise CorpusError(name, problem, "start the program that writes it, or give a file")
    return opened[0]


def _is_null(status: os.stat_result) -> bool:
    return status.st_rdev == Path(os.devnull).stat().st_rdev


def _is_terminal(name: str) -> bool:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return True  # what is wrong is said when it is read
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)
