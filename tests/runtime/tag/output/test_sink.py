"""Which sink an output's name gets; and sinks whose bytes go out at once."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from runtime.errors import StorageError
from runtime.tag.input.item import Item
from runtime.tag.output.journal import Saved, Work
from runtime.tag.output.packer import packer_for
from runtime.tag.output.resumable_file import Whole
from runtime.tag.output.sink import Direct, Sink, open_sink

_WORK = Work({}, ())


def _opened(name: object) -> Sink:
    return open_sink(str(name), _WORK, resume=False, seconds=0)


def test_standard_output_gets_bytes_at_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = _opened("-")
    sink.write(b"Oslo\n")
    assert capfdbinary.readouterr().out == b"Oslo\n"
    sink.save(left_out=0, score={})
    sink.finish()
    sink.close()
    assert (sink.partial, sink.saved, sink.stop(Item(file="i", line=1))) == ("", Saved(), False)


def test_a_file_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    sink = _opened(tmp_path / "o")
    assert isinstance(sink, Whole)
    sink.write(b"Oslo\n")
    assert [path.name for path in tmp_path.iterdir() if path.name == "o"] == []
    assert sink.partial == f"{tmp_path}/o.partial"
    sink.finish()
    sink.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"o": b"Oslo\n"}


@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_a_pipe_gets_bytes_at_once_and_packed_by_its_name(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / name).read_bytes()))
    reader.start()
    sink = _opened(tmp_path / name)
    assert isinstance(sink, Direct)
    for data in (b"Maria\n", b"Oslo\n"):
        sink.write(data)
    sink.finish()
    sink.close()
    reader.join()
    assert (gzip.decompress(found[0]) if name.endswith(".gz") else found[0]) == b"Maria\nOslo\n"
    assert (tmp_path / name).is_fifo()


def test_what_stops_at_once_is_still_a_whole_gzip_file() -> None:
    written: list[bytes] = []
    sink = Direct(written.append, packer=packer_for("x.gz"))
    sink.write(b"Oslo\n")
    assert not sink.stop(Item(file="i", line=1))
    assert gzip.decompress(b"".join(written)) == b"Oslo\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/o\.partial: Not a directory"):
        _opened(tmp_path / "file" / "o")
    with pytest.raises(StorageError, match=r"none/o\.partial: No such file or directory"):
        _opened(tmp_path / "none" / "o")
