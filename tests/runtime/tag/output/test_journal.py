"""The journal: the last complete state counts, other work is refused, and a cursor knows what is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from runtime.errors import StorageError, UsageError
from runtime.tag.input.item import Item
from runtime.tag.output.journal import Cursor, Journal, Saved, Work

_WORK = Work({"on_error": "stop", "to": "jsonl"}, (("a.txt", 100), ("b.txt", 0)))
_SAVED = Saved(source=1, offset=7, line=3, width=4, sha256="ab", output=99, left_out=2, score={"gold": {"PER": 1}})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "o.journal")
    made.begin(_WORK)
    return made


def test_the_last_state_that_was_saved_is_loaded(journal: Journal) -> None:
    assert journal.load(_WORK) is None
    journal.save(Saved(output=1))
    journal.save(_SAVED)
    assert journal.load(_WORK) == _SAVED


def test_a_line_that_was_cut_off_does_not_count_and_does_not_spoil_the_next(journal: Journal) -> None:
    journal.save(Saved(output=1))
    with journal.path.open("ab") as file:
        file.write(b'{"source": 1, "off')
    assert journal.load(_WORK) == Saved(output=1)
    journal.trim()
    journal.save(_SAVED)
    assert journal.load(_WORK) == _SAVED


def test_a_new_journal_takes_the_place_of_an_old_one(journal: Journal) -> None:
    journal.save(_SAVED)
    journal.begin(_WORK)
    assert journal.load(_WORK) is None
    assert Journal(journal.path.with_name("none")).load(_WORK) is None


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (
            replace(_WORK, options={"on_error": "skip", "to": "jsonl"}),
            r"options changed \(on_error was stop, is skip\)",
        ),
        (replace(_WORK, options={"on_error": "stop"}), r"options changed \(to was jsonl, is None\)"),
        (replace(_WORK, inputs=_WORK.inputs[:1]), r"the inputs changed \(they were a\.txt, b\.txt\)"),
        (replace(_WORK, inputs=(("a.txt", 101), ("b.txt", 0))), r"a\.txt: it had 100 bytes, now it has 101"),
    ],
)
def test_other_work_is_refused(work: Work, message: str, journal: Journal) -> None:
    journal.save(_SAVED)
    with pytest.raises(UsageError, match=f"{message}.*; give the same inputs and options, or start anew"):
        journal.load(work)


def test_after_a_broken_line_the_input_that_was_to_be_fixed_may_change(journal: Journal) -> None:
    journal.save(replace(_SAVED, source=0, stopped=True))
    assert journal.load(replace(_WORK, inputs=(("a.txt", 90), ("b.txt", 5)))) is not None
    journal.save(replace(_SAVED, source=1, stopped=True))
    with pytest.raises(UsageError, match=r"a\.txt: it had 100 bytes"):
        journal.load(replace(_WORK, inputs=(("a.txt", 90), ("b.txt", 0))))


@pytest.mark.parametrize(
    "lines",
    [["text", "text"], ["{}", "{}"], [json.dumps({"journal": 99, "options": {}, "inputs": []}), "{}"], ["[1]", "[2]"]],
)
def test_another_file_is_no_journal(lines: list[str], journal: Journal) -> None:
    journal.path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(StorageError, match=r"o\.journal: damaged, or not of this version .*without --resume"):
        journal.load(_WORK)


@pytest.mark.parametrize(("was", "now"), [('"left_out": 2', '"left_out": 3'), ('"to": "jsonl"', '"to": "html"')])
def test_no_figure_in_a_journal_can_be_another_than_was_written(was: str, now: str, journal: Journal) -> None:
    journal.save(_SAVED)
    written = journal.path.read_text()
    assert was in written
    journal.path.write_text(written.replace(was, now))
    with pytest.raises(StorageError, match="does not match its digest"):
        journal.load(_WORK)


def _items() -> Iterator[Item]:
    yield Item(file="a", line=1, source=0, raw=b"one\n")
    yield Item(file="a", line=2, source=0, raw=b"two O\nx O\n\n", width=2)
    yield Item(file="b", line=1, source=1, raw=b"three")


def test_a_cursor_counts_bytes_and_lines_of_the_current_input() -> None:
    assert not Cursor(Saved()).begun
    cursor = Cursor(Saved())
    places = []
    for item in _items():
        cursor.take(item)
        places.append((cursor.source, cursor.offset, cursor.line, cursor.width))
    assert cursor.begun
    assert places == [(0, 4, 2, 0), (0, 15, 5, 2), (1, 5, 1, 0)]
    assert cursor.sha256 == sha256(b"three").hexdigest()


def test_a_cursor_goes_on_only_where_the_bytes_are_the_same() -> None:
    saved = Saved(offset=6, line=3, sha256=sha256(b"a\nb\nc\n").hexdigest())
    same, other = Cursor(saved), Cursor(saved)
    same.catch_up(iter([b"a\nb", b"\nc\n"]), "x.txt")
    same.take(Item(file="x.txt", line=3, raw=b"d\n"))
    assert (same.offset, same.line, same.sha256) == (8, 4, sha256(b"a\nb\nc\nd\n").hexdigest())
    with pytest.raises(UsageError, match=r"x\.txt: it changed before line 3, up to where the output reaches"):
        other.catch_up(iter([b"a\nB\nc\n"]), "x.txt")
