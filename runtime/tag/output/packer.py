"""Output bytes: packed where asked for, and written completely. The module does not know names of files."""

from __future__ import annotations

import os
from typing import Any

from runtime.errors import storage_error
from runtime.tag.compression import Compression, compression_of


class Packer:
    """Packs bytes into members. Members one after another are a packed file, so an output can be cut between two.

    Args:
        compression: how.
    """

    def __init__(self, compression: Compression) -> None:
        self._compression = compression
        self._member: Any = None

    def pack(self, data: bytes) -> bytes:
        """The packed bytes that are ready after `data`; the rest stays inside until more data or `end`."""
        if self._member is None and data:
            self._member = self._compression.compressor()
        packed: bytes = self._member.compress(data) if self._member else b""
        return packed

    def end(self) -> bytes:
        """The rest of the current member. The next data begin a new one."""
        member, self._member = self._member, None
        packed: bytes = member.flush() if member else b""
        return packed


class Plain:
    """A Packer that does not pack: bytes pass unchanged."""

    def pack(self, data: bytes) -> bytes:
        """The same bytes."""
        return data

    def end(self) -> bytes:
        """Nothing."""
        return b""


def packer_for(name: str) -> Packer | Plain:
    """What packs an output of that name.

    Raises:
        UsageError: the library for it is not installed.
    """
    compression = compression_of(name)
    if compression is None:
        return Plain()
    compression.compressor()
    return Packer(compression)


def write_all(descriptor: int, data: bytes, name: str) -> None:
    """Write all bytes.

    Args:
        descriptor: an open file.
        data: the bytes.
        name: the file's name, for messages.

    Raises:
        StorageError: no space, or another error of the system.
        BrokenPipeError: the reader of a pipe has stopped; a command ends quietly then.
    """
    # The operating system may take fewer bytes than it was given, and says how many.
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        error.filename = name
        raise storage_error(error) from error
