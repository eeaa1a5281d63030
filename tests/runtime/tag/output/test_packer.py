"""Packed bytes can be read back from every member's end, and every byte is written however little is taken at once."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import StorageError
from runtime.tag.compression import COMPRESSIONS
from runtime.tag.output.packer import Packer, Plain, packer_for, write_all

GZIP = COMPRESSIONS[0]


@given(st.lists(st.lists(st.binary(max_size=50), max_size=4), max_size=4))
def test_members_are_gzip_files_alone_and_together(members: list[list[bytes]]) -> None:
    packer = Packer(GZIP)
    packed = [b"".join([*(packer.pack(data) for data in member), packer.end()]) for member in members]
    assert [gzip.decompress(one) for one in packed] == [b"".join(member) for member in members]
    assert gzip.decompress(b"".join(packed)) == b"".join(data for member in members for data in member)


def test_a_member_without_bytes_is_nothing() -> None:
    packer = Packer(GZIP)
    assert (packer.pack(b""), packer.end(), packer.end()) == (b"", b"", b"")


def test_the_same_bytes_are_packed_alike_at_any_time() -> None:
    one, other = Packer(GZIP), Packer(GZIP)
    packed = one.pack(b"Oslo") + one.end()
    assert packed == other.pack(b"Oslo") + other.end()
    assert packed[4:8] == bytes(4)  # gzip's field for the time


def test_plain_bytes_pass_unchanged() -> None:
    plain = Plain()
    assert (plain.pack(b"Oslo"), plain.end()) == (b"Oslo", b"")


def test_every_byte_is_written_to_a_pipe_that_takes_little_at_once() -> None:
    data = os.urandom(1_000_000)
    read, write = os.pipe()

    def fill() -> None:
        write_all(write, data, "pipe")
        os.close(write)

    thread = threading.Thread(target=fill)
    thread.start()
    with os.fdopen(read, "rb") as file:
        assert file.read() == data
    thread.join()


def test_a_reader_that_has_gone_is_no_storage_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        write_all(write, b"Oslo", "pipe")
    os.close(write)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_an_error_of_the_named_file() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(StorageError, match=r"out\.jsonl: no space left"):
        write_all(descriptor, b"Oslo", "out.jsonl")
    os.close(descriptor)


def test_a_name_says_how_it_is_packed() -> None:
    for name, compression in zip(("x.gz", "x.XZ", "x.bz2"), COMPRESSIONS):
        packer = packer_for(name)
        packed = packer.pack(b"Oslo") + packer.end()
        assert compression.unpack(io.BytesIO(packed)).read() == b"Oslo"
    assert packer_for("x.jsonl").pack(b"Oslo") == b"Oslo"


def test_zstandard() -> None:
    library = pytest.importorskip("zstandard")
    packer = packer_for("x.zst")
    packed = packer.pack(b"Oslo") + packer.end() + packer.pack(b"Lund") + packer.end()
    assert library.ZstdDecompressor().stream_reader(packed, read_across_frames=True).read() == b"OsloLund"
