"""Bytes on their way out: packed by gzip, and written to the last one. It knows nothing of files' names."""

from __future__ import annotations

import os
import zlib
from typing import Any

from runtime.errors import storage_error

_GZIP_WINDOW = 31  # zlib's way to ask for gzip's header and trailer; there is no time in it, so equal runs are equal


class Packer:
    """Bytes to gzip members. One after another is a gzip file too, so that an output can be cut between two."""

    def __init__(self) -> None:
        self._member: Any = None

    def pack(self, data: bytes) -> bytes:
        """What comes out when `data` goes in, which may be less than is inside."""
        if self._member is None and data:
            self._member = zlib.compressobj(wbits=_GZIP_WINDOW)
        packed: bytes = self._member.compress(data) if self._member else b""
        return packed

    def end(self) -> bytes:
        """The rest of the member; the next byte opens another."""
        member, self._member = self._member, None
        packed: bytes = member.flush() if member else b""
        return packed


class Plain:
    """A packer that changes nothing."""

    def pack(self, data: bytes) -> bytes:
        """The same bytes."""
        return data

    def end(self) -> bytes:
        """Nothing."""
        return b""


def write_all(descriptor: int, data: bytes, name: str) -> None:
    """Write every byte, which the operating system may take in parts.

    Raises:
        StorageError: no space, or another reason that names `name`.
        BrokenPipeError: whoever was reading has gone.
    """
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        error.filename = name
        raise storage_error(error) from error
