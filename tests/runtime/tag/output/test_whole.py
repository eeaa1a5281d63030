"""An output that a killed run can go on with, step by step: what is on the disk after each, and what is refused.

Whole runs, and kills of them, are in test_resumable_file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import StorageError, UsageError
from runtime.tag.input.item import Item
from runtime.tag.output.journal import Journal, Saved, Work
from runtime.tag.output.resumable_file import Whole
from tests.system_calls import called

_WORK = Work({"to": "jsonl"}, (("a", 100), ("b", 100)))
_SCORE: dict[str, Any] = {"gold": {"PER": 3}}


def _item(raw: bytes, source: int = 0, *, width: int = 0, document: str = "") -> Item:
    return Item(file="ab"[source], line=1, source=source, raw=raw, width=width, document=document)


def _opened(place: Path, *, resume: bool = False, seconds: float = 0.0) -> Whole:
    return Whole(place, "given/o", _WORK, resume=resume, seconds=seconds)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _states(place: Path) -> int:
    """Saved states in the journal; the first line is the work."""
    return Path(f"{place}.journal").read_bytes().count(b"\n") - 1


def _as_killed(place: Path) -> Path:
    """The same output in another folder, as a run that is killed now leaves it."""
    folder = place.parent / f"killed{len(list(place.parent.iterdir()))}"
    folder.mkdir()
    for name in ("o", "o.partial", "o.journal"):
        if place.with_name(name).exists():
            shutil.copy(place.with_name(name), folder / name)
    return folder / "o"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "o"


@pytest.fixture
def killed(place: Path) -> Path:
    """An output of 3 MiB, as left by a run that was killed after its second state."""
    whole = _opened(place)
    whole.write(b"x" * (3 << 20), [_item(b"one O\n\n", width=2, document="d1")])
    whole.save(left_out=0, score={})
    whole.write(b"end\n", [_item(b"two", 1, width=3, document="d2"), _item(b" O\n\n", 1, document="d3")])
    whole.save(left_out=2, score=_SCORE)
    left = _as_killed(place)
    whole.close()
    return left


_KILLED = Saved(
    source=1,
    items=2,
    offset=7,
    line=3,
    width=3,
    document="d3",
    sha256=_sha256(b"two O\n\n"),
    finished=((7, _sha256(b"one O\n\n")),),
    output=(3 << 20) + 4,
    written=_sha256(b"x" * (3 << 20) + b"end\n"),
    left_out=2,
    score=_SCORE,
)


def test_all_of_a_state_is_saved(killed: Path) -> None:
    assert Journal(killed.with_name("o.journal")).load(_WORK) == _KILLED


def test_a_run_goes_on_behind_what_is_written(killed: Path) -> None:
    with Path(f"{killed}.partial").open("ab") as file:
        file.write(b"half of what came after the last state")
    whole = _opened(killed, resume=True)
    assert whole.saved == _KILLED
    whole.catch_up(iter([b"two ", b"O\n\n"]), "b")
    whole.write(b"more\n", [_item(b"three\n", 1)])
    whole.save(left_out=3, score=_SCORE)
    content = b"x" * (3 << 20) + b"end\nmore\n"
    assert Path(f"{killed}.partial").read_bytes() == content
    again = _opened(_as_killed(killed), resume=True)
    assert (again.saved.output, again.saved.written) == (len(content), _sha256(content))
    assert (again.saved.items, again.saved.line, again.saved.sha256) == (3, 4, _sha256(b"two O\n\nthree\n"))
    again.close()
    assert not killed.exists()
    whole.finish()
    assert killed.read_bytes() == content
    assert list(killed.parent.glob("o*")) == [killed]


def test_what_is_written_counts_when_it_is_saved(killed: Path) -> None:
    whole = _opened(killed, resume=True)
    whole.write(b"tail")
    assert Journal(killed.with_name("o.journal")).load(_WORK) == _KILLED
    whole.finish()
    assert killed.read_bytes().endswith(b"end\ntail")


def test_an_input_that_changed_is_refused(killed: Path) -> None:
    whole = _opened(killed, resume=True)
    with pytest.raises(UsageError, match=r"^b: it changed before line 3"):
        whole.catch_up(iter([b"two X\n\n"]), "b")
    whole.close()


def test_without_resume_a_run_begins_anew(killed: Path) -> None:
    whole = _opened(killed)
    assert whole.saved == Saved()
    assert Path(f"{killed}.partial").read_bytes() == b""
    assert _states(killed) == 0
    whole.close()


@pytest.mark.parametrize(
    ("byte", "size", "told"),
    [
        (0, None, "its first 3,145,732 bytes are not those that were written"),
        (3 << 20, None, "its first 3,145,732 bytes are not those that were written"),
        (None, (3 << 20) + 3, "3,145,731 bytes where o.journal says 3,145,732"),
    ],
)
@pytest.mark.parametrize("complete", [False, True])
def test_what_is_kept_must_be_what_was_written(
    killed: Path, byte: int | None, size: int | None, told: str, complete: bool
) -> None:
    if complete:
        Journal(killed.with_name("o.journal")).save(
            Saved(output=_KILLED.output, written=_KILLED.written, complete=True)
        )
    with Path(f"{killed}.partial").open("r+b") as file:
        if byte is not None:
            file.seek(byte)
            file.write(b"?")
        if size is not None:
            file.truncate(size)
    before = [path.read_bytes() for path in sorted(killed.parent.iterdir())]
    with pytest.raises(StorageError) as caught:
        _opened(killed, resume=True)
    assert str(caught.value) == f"given/o.partial: {told}; start anew without --resume"
    assert [path.read_bytes() for path in sorted(killed.parent.iterdir())] == before


def test_the_output_is_on_the_disk_before_the_journal_counts_it(place: Path) -> None:
    whole = _opened(place)
    with called("write", "fsync") as order:
        whole.write(b"one\n", [_item(b"one\n")])
        whole.save(left_out=0, score={})
    assert order == ["write", "fsync", "write", "fsync"]
    whole.close()


def test_states_are_saved_no_more_often_than_asked_and_at_the_end(place: Path) -> None:
    whole = _opened(place, seconds=60.0)
    for number in range(3):
        whole.write(b"one\n", [_item(b"one\n")])
        whole.save(left_out=number, score={})
    assert _states(place) == 1  # the first, since nothing was saved for a long time before it
    whole.close()
    assert _states(place) == 2
    left = Journal(place.with_name("o.journal")).load(_WORK)
    assert left is not None
    assert (left.items, left.output, left.left_out) == (3, 12, 2)


def test_what_does_not_belong_together_is_not_saved(place: Path) -> None:
    whole = _opened(place, seconds=0.0)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.save(left_out=0, score={})
    whole.write(b"two\n", [_item(b"two\n")])  # interrupted here, before the figures are known
    whole.close()
    whole.close()
    left = Journal(place.with_name("o.journal")).load(_WORK)
    assert left is not None
    assert (left.items, left.output) == (1, 4)
    assert not place.exists()


def test_a_run_that_has_done_nothing_leaves_nothing(place: Path) -> None:
    whole = _opened(place)
    whole.write(b"<html>")
    assert not whole.stop(_item(b"broken", 1))
    whole.close()
    assert list(place.parent.iterdir()) == []


def test_a_stop_before_a_broken_item_is_saved_as_such(place: Path) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.save(left_out=1, score=_SCORE)
    assert whole.stop(_item(b"broken", 1))
    whole.close()
    left = Journal(place.with_name("o.journal")).load(_WORK)
    assert left is not None
    assert (left.stopped, left.complete, left.source, left.items) == (True, False, 1, 0)
    assert left.finished == ((4, _sha256(b"one\n")),)
    assert (left.output, left.left_out, left.score) == (4, 1, _SCORE)


def test_a_state_between_two_inputs_is_one_to_go_on_from(place: Path) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.save(left_out=0, score={})
    whole.stop(_item(b"broken", 1))
    whole.close()
    again = _opened(place, resume=True)
    assert again.stop(_item(b"broken", 1))  # nothing more was done, and what was done counts
    again.close()
    assert Path(f"{place}.partial").read_bytes() == b"one\n"


@pytest.mark.parametrize("renamed", [False, True])
def test_a_complete_output_gets_its_name_and_no_more(killed: Path, renamed: bool) -> None:
    journal = Journal(killed.with_name("o.journal"))
    journal.save(Saved(source=1, items=2, output=_KILLED.output, written=_KILLED.written, complete=True))
    if renamed:
        Path(f"{killed}.partial").rename(killed)
    states = _states(killed)
    whole = _opened(killed, resume=True)
    assert whole.saved.complete
    assert _states(killed) == states
    whole.finish()
    whole.close()
    assert _sha256(killed.read_bytes()) == _KILLED.written
    assert list(killed.parent.iterdir()) == [killed]


@pytest.mark.parametrize("other", [b"y" * ((3 << 20) + 4), b"x" * (3 << 20) + b"end\nmore", b"x", None])
def test_another_file_of_that_name_is_not_the_output(killed: Path, other: bytes | None) -> None:
    journal = Journal(killed.with_name("o.journal"))
    journal.save(Saved(source=1, items=2, output=_KILLED.output, written=_KILLED.written, complete=True))
    Path(f"{killed}.partial").unlink()
    if other is not None:
        killed.write_bytes(other)
    whole = _opened(killed, resume=True)
    assert whole.saved == Saved()
    whole.close()
    assert (killed.read_bytes() if other is not None else None) == other


def _somebody_elses(place: Path, kind: str) -> None:
    if kind == "link":
        place.symlink_to(place.with_name("precious"))
        place.with_name("precious").write_bytes(b"")
    else:
        place.write_bytes(b"years of work")


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_somebody_put_where_the_unfinished_output_goes_is_refused(place: Path, kind: str) -> None:
    _somebody_elses(place.with_name("o.partial"), kind)
    with pytest.raises(StorageError) as caught:
        _opened(place)
    problem = "it is there and is no unfinished output, which gets that name"
    assert str(caught.value) == f"given/o.partial: {problem}; move it elsewhere, or choose another output"
    assert not place.with_name("o.journal").exists()


def test_nobody_can_run_an_output(place: Path) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.finish()
    assert not place.stat().st_mode & 0o111


def test_an_empty_file_there_is_what_a_killed_run_left(place: Path) -> None:
    place.with_name("o.partial").touch()
    whole = _opened(place)
    whole.close()
    assert list(place.parent.iterdir()) == []


def test_two_runs_do_not_write_one_output(place: Path) -> None:
    first = _opened(place)
    first.write(b"one\n", [_item(b"one\n")])
    first.save(left_out=0, score={})
    before = Path(f"{place}.journal").read_bytes()
    for resume in (False, True):
        with pytest.raises(StorageError) as caught:
            _opened(place, resume=resume)
        problem = "another process is writing it; wait for that one, or choose another output"
        assert str(caught.value) == f"{place}.partial: {problem}"
    assert Path(f"{place}.partial").read_bytes() == b"one\n"
    assert Path(f"{place}.journal").read_bytes() == before
    first.finish()


def test_the_lock_is_given_back_with_the_output(place: Path) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.save(left_out=0, score={})
    whole.close()
    with Path(f"{place}.partial").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    again = _opened(place, resume=True)
    before = len(list(Path("/dev/fd").iterdir()))
    again.finish()
    assert len(list(Path("/dev/fd").iterdir())) == before - 1


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """A limit on the size of files, as a full disk has it. Nothing may be printed inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("full", ["output", "journal"])
def test_a_full_disk_loses_nothing_and_says_how_to_go_on(place: Path, full: str) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.save(left_out=0, score={})
    journal = place.with_name("o.journal").stat().st_size

    def go_on() -> None:
        whole.write(b"two\n" if full == "journal" else b"two and more\n", [_item(b"two\n")])
        whole.save(left_out=0, score={})

    with _files_of_at_most(8 if full == "output" else journal + 20), pytest.raises(StorageError) as caught:
        go_on()
    where = "given/o.partial" if full == "output" else f"{place}.journal"
    fix = "free some space, and run the same command again with --resume, which goes on from what is written"
    assert str(caught.value) == f"{where}: no space left ({os.strerror(errno.EFBIG)}); {fix}"
    whole.close()
    again = _opened(place, resume=True)
    assert (again.saved.items, again.saved.output) == (1, 4)
    again.catch_up(iter([b"one\n"]), "a")
    again.write(b"two\n", [_item(b"two\n")])
    again.finish()
    assert place.read_bytes() == b"one\ntwo\n"


def test_an_output_that_cannot_get_its_name_says_so(place: Path) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    place.mkdir()
    (place / "in the way").touch()
    with pytest.raises(StorageError, match=r"o\.partial: .*irectory.*; check the path and try again"):
        whole.finish()
    whole.close()
    assert Path(f"{place}.partial").read_bytes() == b"one\n"
    # It is whole, and what is left to a run that goes on is its name.
    left = Journal(place.with_name("o.journal")).load(_WORK)
    assert left is not None
    assert (left.complete, left.output, left.written) == (True, 4, _sha256(b"one\n"))
    (place / "in the way").unlink()
    place.rmdir()
    again = _opened(place, resume=True)
    again.finish()
    assert place.read_bytes() == b"one\n"
    assert list(place.parent.iterdir()) == [place]


def test_an_interrupt_before_the_first_state_saves_none(place: Path) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.close()
    assert _states(place) == 0
    again = _opened(place, resume=True)
    assert (again.saved, Path(f"{place}.partial").read_bytes()) == (Saved(), b"")
    again.close()


def test_a_name_that_is_taken_after_a_kill_is_said_and_loses_nothing(killed: Path) -> None:
    """The run that goes on has written nothing of its own yet."""
    journal = Journal(killed.with_name("o.journal"))
    journal.save(Saved(source=1, items=2, output=_KILLED.output, written=_KILLED.written, complete=True))
    killed.mkdir()
    whole = _opened(killed, resume=True)
    with pytest.raises(StorageError, match="irectory"):
        whole.finish()
    whole.close()
    assert Path(f"{killed}.partial").stat().st_size == _KILLED.output
    killed.rmdir()
    _opened(killed, resume=True).finish()
    assert _sha256(killed.read_bytes()) == _KILLED.written


@pytest.mark.parametrize("end", ["close", "finish"])
def test_what_is_closed_closes_nothing_else(place: Path, end: str) -> None:
    whole = _opened(place)
    whole.write(b"one\n", [_item(b"one\n")])
    whole.save(left_out=0, score={})
    others = [os.dup(0) for _ in range(2)]
    getattr(whole, end)()
    whole.close()
    whole.close()
    for each in (1, 2, *others):
        os.fstat(each)  # raises where it is closed
    for each in others:
        os.close(each)
