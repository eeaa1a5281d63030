"""Packed files: told by the end of a name or by the first bytes, unpacked and packed as streams.

    .gz .xz .bz2    Python's own
    .zst            the library zstandard, the extra zst

The module does not know what is packed.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from runtime.errors import UsageError

_BLOCK = 1 << 17
# Bytes of a .zst file that are unpacked at once. Four of them can stand for 128 KiB of one repeated byte (RFC 8878,
# RLE blocks), so that a kilobyte unpacks to 32 MiB at most.
_ZSTANDARD_BLOCK = 1 << 10


@dataclass(frozen=True, slots=True)
class Compression:
    """A way to pack files.

    Attributes:
        suffix: end of their names.
        magic: their first bytes; empty: a text might begin like that.
        unpack: a file of packed bytes -> a file of unpacked ones.
        compressor: makes an object with `compress` and `flush`. What several of them give, one after another, is one
            packed file.
    """

    suffix: str
    magic: bytes
    unpack: Callable[[BinaryIO], Any]
    compressor: Callable[[], Any]


def compression_of(name: str, head: bytes = b"") -> Compression | None:
    """How a file is packed: by its name, else by its first bytes; None where it is not packed."""
    by_name = next((each for each in COMPRESSIONS if name.lower().endswith(each.suffix)), None)
    return by_name or next((each for each in COMPRESSIONS if each.magic and head.startswith(each.magic)), None)


def without_suffix(name: str) -> str:
    """The name that the unpacked file would have."""
    compression = compression_of(name)
    return name[: -len(compression.suffix)] if compression else name


def unpacked(file: BinaryIO, compression: Compression) -> BinaryIO:
    """A packed file's content as a file."""
    # The libraries would look for line ends in Python; the buffer around them does so in C.
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, compression.unpack(file)), _BLOCK))


def reading_errors() -> tuple[type[Exception], ...]:
    """What reading a damaged file raises."""
    import lzma  # not at the top: most runs unpack nothing

    return OSError, EOFError, zlib.error, lzma.LZMAError, *_zstandard_errors()


class _Zstandard(io.RawIOBase):
    """Unpacks zstandard frames, one after another; the library's own stream takes a file that was cut as whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left, self._rest = file, b"", b""
        self._make = zstandard("unpack").ZstdDecompressor
        self._frame: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            packed = self._rest or self._file.read(_ZSTANDARD_BLOCK)
            if not packed:
                if self._frame is not None:
                    raise EOFError("Compressed file ended before the end of its last frame")
                return 0
            self._frame = self._frame or self._make().decompressobj()
            self._left, self._rest = self._frame.decompress(packed), b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


def zstandard(wish: str) -> Any:
    """The library.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import zstandard as library
    except ModuleNotFoundError:
        problem = f"to {wish} them, the library 'zstandard' is missing"
        raise UsageError(".zst files", problem, "pip install 'nerve-ner[zst]'") from None
    return library


def _zstandard_errors() -> tuple[type[Exception], ...]:
    try:
        import zstandard as library
    except ModuleNotFoundError:
        return ()
    return (library.ZstdError,)


def _gunzip(file: BinaryIO) -> Any:
    import gzip

    return gzip.GzipFile(fileobj=file, mode="rb")


def _unxz(file: BinaryIO) -> Any:
    import lzma

    return lzma.LZMAFile(file)


def _unbz2(file: BinaryIO) -> Any:
    import bz2

    return bz2.BZ2File(file)


def _xz() -> Any:
    import lzma

    return lzma.LZMACompressor()


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Compressor()


# zlib's number for gzip's header and trailer with the largest window. zlib writes no time into the header, so two runs
# on the same input write the same bytes.
_GZIP_WINDOW = 31

COMPRESSIONS = (
    Compression(".gz", b"\x1f\x8b", _gunzip, lambda: zlib.compressobj(wbits=_GZIP_WINDOW)),
    Compression(".xz", b"\xfd7zXZ\x00", _unxz, _xz),
    Compression(".bz2", b"", _unbz2, _bz2),
    Compression(".zst", b"\x28\xb5\x2f\xfd", _Zstandard, lambda: zstandard("pack").ZstdCompressor().compressobj()),
)
