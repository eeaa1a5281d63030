"""Packed input is unpacked in pieces: a small file that stands for gigabytes must not become gigabytes of memory."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from runtime.tag.compression import compression_of, unpacked

SIZE = 256 << 20


def test_a_small_zst_file_does_not_unpack_at_once() -> None:
    library = pytest.importorskip("zstandard")
    compressor = library.ZstdCompressor().compressobj()
    packed = b"".join([*(compressor.compress(bytes(1 << 20)) for _ in range(SIZE >> 20)), compressor.flush()])
    assert len(packed) < 1 << 17
    compression = compression_of("x.zst")
    assert compression is not None
    tracemalloc.start()
    try:
        file = unpacked(io.BytesIO(packed), compression)
        assert file.read(10) == bytes(10)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()
    assert 10 + sum(len(piece) for piece in iter(lambda: file.read(1 << 20), b"")) == SIZE
