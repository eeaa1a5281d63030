"""The bytes of an input: whole, in order, unpacked; and what is wrong with one that cannot be read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import CorpusError
from runtime.tag.input.source import Source
from tests.waiting import PATIENCE

_LINES = [b"one\r\n", "two\u2028three\x0b\n".encode(), b"\n", b"last"]


@pytest.fixture(params=["x.txt", "x.txt.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Path = tmp_path / request.param
    raw = b"".join(_LINES)
    made.write_bytes(gzip.compress(raw) if made.suffix == ".gz" else raw)
    return made


def test_lines_end_in_line_feeds_alone(path: Path) -> None:
    source = Source(str(path))
    with source.open() as file:
        assert list(source.lines(file)) == _LINES
    assert (source.file, source.size) == (str(path), path.stat().st_size)


def test_a_look_at_its_head_leaves_all_of_it_to_be_read(path: Path) -> None:
    source = Source(str(path))
    assert source.head(4) == b"one\r"
    assert source.position == 0
    with source.open() as file:
        assert b"".join(source.lines(file)) == b"".join(_LINES)
    assert source.position == source.size


def test_blocks_are_the_next_bytes_and_lines_go_on_after_them(path: Path) -> None:
    source = Source(str(path))
    with source.open() as file:
        assert b"".join(source.blocks(file, 5)) == _LINES[0]
        assert list(source.lines(file)) == _LINES[1:]
    with source.open() as file:
        assert b"".join(source.blocks(file, 10**6)) == b"".join(_LINES)


def test_position_grows_to_the_size(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789\n" * 100_000)
    source = Source(str(tmp_path / "x"))
    with source.open() as file:
        positions = [source.position for _ in source.lines(file)]
    assert positions == sorted(positions)
    assert 0 < positions[0] < positions[-1] == source.size
    passed = Source(str(tmp_path / "x"))
    assert passed.position == 0
    passed.pass_over()
    assert passed.position == passed.size


def test_the_size_of_a_pipe_is_not_known(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = Source(str(tmp_path / "pipe"))
    assert (source.size, source.position) == (0, 0)
    assert (Source("-").file, Source("-").size) == ("standard input", 0)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for_without_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusError, match=r"pipe: a pipe into which nobody wrote for 0\.1 seconds; start the program"):
        Source(str(tmp_path / "pipe"), patience=0.1).head(10)
    (tmp_path / "pipe").open("wb").close()  # so that the thread that waits can end


def test_a_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    gone_on = threading.Event()

    def write() -> None:
        with (tmp_path / "pipe").open("wb", buffering=0) as file:
            file.write(b"Ma")
            time.sleep(0.05)
            file.write(b"ria\n")
            assert gone_on.wait(PATIENCE)
            file.write(b"Oslo\n")

    thread = threading.Thread(target=write)
    thread.start()
    source = Source(str(tmp_path / "pipe"))
    assert source.head(1000) == b"Maria\n"
    with source.open() as file:
        lines = source.lines(file)
        assert next(lines) == b"Maria\n"
        gone_on.set()
        assert list(lines) == [b"Oslo\n"]
    thread.join()


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_end_is_refused(name: str) -> None:
    with pytest.raises(CorpusError, match=f"{name}: it is a device; give a file, or a pipe"):
        Source(name)


def test_the_null_device_is_empty() -> None:
    source = Source(os.devnull)
    with source.open() as file:
        assert list(source.lines(file)) == []


@pytest.mark.parametrize("suffix", [".xz", ".bz2", ".zst", ""])
def test_other_ways_to_pack(suffix: str, tmp_path: Path) -> None:
    raw = b"".join(_LINES)
    pack: Any = {".xz": lzma.compress, ".bz2": bz2.compress, "": gzip.compress}.get(suffix)
    if suffix == ".zst":
        pack = pytest.importorskip("zstandard").compress
    # Two packed files, one after another, are one.
    packed = pack(raw[:7]) + pack(raw[7:])
    path = tmp_path / f"x.txt{suffix}"
    path.write_bytes(packed)
    source = Source(str(path))
    with source.open() as file:
        assert list(source.lines(file)) == _LINES
    for damaged in (packed[:-3], packed[:12]):
        path.write_bytes(damaged)
        with pytest.raises(CorpusError, match=r"give a file that can be read"), source.open() as file:
            list(source.lines(file))


def test_a_file_is_the_same_by_whatever_path(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    source = Source(str(path))
    assert source.is_same_file(tmp_path / "link")
    assert not source.is_same_file(tmp_path / "none")
    assert not Source("-").is_same_file(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.txt", r"none\.txt: No such file or directory; give a file that can be read"),
        ("", "it is a folder; give the files in it"),
        ("a\0b", r"'.*a\\x00b': embedded null"),
    ],
)
def test_what_is_no_file_is_said_before_anything_is_read(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=message):
        Source(f"{tmp_path}/{name}")


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    whole = gzip.compress(os.urandom(100_000))
    for raw in (b"Oslo", whole[:-9], whole[:5000] + bytes(200) + whole[5200:]):
        path.write_bytes(raw)
        source = Source(str(path))
        with pytest.raises(CorpusError, match=r"x\.gz: .*; give a file that can be read"), source.open() as file:
            list(source.lines(file))
