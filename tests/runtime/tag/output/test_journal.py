"""The journal: the last complete state counts, other work is refused, and a cursor knows what is done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from runtime.errors import StorageError, UsageError
from runtime.tag.input.item import Item
from runtime.tag.output.journal import MOST_NOTES, Cursor, Journal, Saved, Work, check_end, check_finished

_WORK = Work({"on_error": "stop", "to": "jsonl"}, (("a.txt", 100), ("b.txt", 0)))
_SAVED = Saved(source=1, offset=7, line=3, width=4, sha256="ab", output=99, left_out=2, score={"gold": {"PER": 1}})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "o.journal")
    made.begin(_WORK)
    return made


_GOLDEN = (
    b'{"journal": 4, "options": {"on_error": "stop", "to": "jsonl"}, "inputs": [["a.txt", 100], ["b.txt", 0]], '
    b'"digest": "%s"}\n'
    b'{"source": 0, "items": 0, "offset": 0, "line": 1, "width": 0, "document": "", "sha256": "", "finished": [], '
    b'"output": 0, "written": "", "left_out": 0, "score": {}, "stopped": false, "complete": false, "digest": "%s"}\n'
)


def test_a_journal_is_written_as_every_release_with_its_version_reads_it(journal: Journal) -> None:
    """Who changes what a line holds must count the version up, or an output is gone on with from a wrong place."""
    journal.save(Saved())
    lines = [json.loads(line) for line in journal.path.read_bytes().splitlines()]
    assert journal.path.read_bytes() == _GOLDEN % tuple(line["digest"].encode() for line in lines)
    for line in lines:
        digest = line.pop("digest")
        assert digest == sha256(json.dumps(line).encode()).hexdigest()


def test_nobody_can_run_a_journal(journal: Journal) -> None:
    assert not journal.path.stat().st_mode & 0o111


def test_a_run_has_begun_where_an_item_or_an_input_is_done() -> None:
    assert not Cursor(Saved()).begun
    assert Cursor(Saved(items=1)).begun
    assert Cursor(Saved(source=1)).begun


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


_ANEW = "give the same inputs and options, or start anew without --resume"


def test_a_refusal_names_the_journal_or_the_input_and_all_that_changed(journal: Journal) -> None:
    journal.save(_SAVED)
    told = {}
    for name, work in {
        "options": replace(_WORK, options={"on_error": "skip", "to": "html"}),
        "inputs": replace(_WORK, inputs=(("c.txt", 100),)),
        "sizes": replace(_WORK, inputs=(("a.txt", 1100), ("b.txt", 0))),
        "later": replace(_WORK, inputs=(("a.txt", 100), ("b.txt", 5))),
    }.items():
        with pytest.raises(UsageError) as caught:
            journal.load(work)
        told[name] = str(caught.value)
    assert told == {
        "options": f"{journal.path}: the options changed (on_error was stop, is skip, to was jsonl, is html); {_ANEW}",
        "inputs": f"{journal.path}: the inputs changed (they were a.txt, b.txt); {_ANEW}",
        "sizes": f"a.txt: it had 100 bytes, now it has 1,100; {_ANEW}",
        "later": f"b.txt: it had 0 bytes, now it has 5; {_ANEW}",
    }


def test_a_journal_of_another_version_is_told_from_a_damaged_one(journal: Journal) -> None:
    of_another = {"journal": 99, "options": {}, "inputs": []}
    lines = [{**entry, "digest": sha256(json.dumps(entry).encode()).hexdigest()} for entry in (of_another, {"a": 1})]
    journal.path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(StorageError) as other:
        journal.load(_WORK)
    problem = "damaged, or not of this version of Nerve"
    assert str(other.value) == f"{journal.path}: {problem} (version 99); start anew without --resume"
    journal.path.write_text("".join(f"{json.dumps(entry)}\n" for entry in (of_another, of_another)))
    with pytest.raises(StorageError) as damaged:
        journal.load(_WORK)
    assert f"{problem} (a line does not match its digest); " in str(damaged.value)


@pytest.mark.parametrize("content", [b"", b'{"jour', b'{"journal": 4, "options": {'])
def test_what_a_killed_run_left_of_a_journal_is_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "o.journal").write_bytes(content)
    Journal(tmp_path / "o.journal").check_ours()
    Journal(tmp_path / "none.journal").check_ours()


@pytest.mark.parametrize("kind", ["diary", "link", "broken link", "folder", "pipe"])
def test_what_somebody_put_where_a_journal_goes_is_refused(journal: Journal, kind: str) -> None:
    place = journal.path.with_name("p.journal")
    if kind == "diary":
        place.write_text('{"journey": "to Oslo"}')
    elif kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(journal.path if kind == "link" else "none")
    with pytest.raises(StorageError) as caught:
        Journal(place).check_ours()
    problem = "it is there and is no journal of an unfinished output, which gets that name"
    assert str(caught.value) == f"{place}: {problem}; move it elsewhere, or choose another output"


def test_an_input_that_is_done_has_as_many_bytes_and_the_same() -> None:
    done = (5, sha256(b"abcde").hexdigest())
    check_finished(iter([b"ab", b"cd", b"e"]), done, "x.txt")
    check_end(iter([]), "x.txt")
    checks: list[Callable[[], None]] = [
        lambda: check_finished(iter([b"ab", b"cd", b"ef"]), done, "x.txt"),
        lambda: check_finished(iter([b"ab", b"cd", b"f"]), done, "x.txt"),
        lambda: check_finished(iter([b"abcde"]), (4, done[1]), "x.txt"),
        lambda: check_end(iter([b"f"]), "x.txt"),
    ]
    for check in checks:
        with pytest.raises(UsageError) as caught:
            check()
        assert str(caught.value) == f"x.txt: it changed since it was tagged; {_ANEW}"


def test_a_document_ends_with_its_input() -> None:
    cursor = Cursor(Saved(document="d1", width=4, items=3))
    cursor.enter(0)
    assert (cursor.document, cursor.width, cursor.items) == ("d1", 4, 3)
    cursor.enter(1)
    assert (cursor.source, cursor.document, cursor.width, cursor.items) == (1, "", 0, 0)
    cursor.take(Item(file="b", line=1, source=1, raw=b"x\n", document="d2", width=3))
    cursor.take(Item(file="b", line=2, source=1, raw=b"\n", document="d2"))
    assert (cursor.document, cursor.width, cursor.line) == ("d2", 3, 3)


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
    with pytest.raises(UsageError) as caught:
        other.catch_up(iter([b"a\nB\nc\n"]), "x.txt")
    assert str(caught.value) == f"x.txt: it changed before line 3, up to where the output reaches; {_ANEW}"


def test_a_journal_stays_small(tmp_path: Path) -> None:
    journal, work = Journal(tmp_path / "o.journal"), Work({"option": "value"}, (("i", 10),))
    journal.begin(work)
    sizes = []
    for number in range(1, 2 * MOST_NOTES + 3):
        journal.save(Saved(items=number, finished=((3, "abc"),)))
        sizes.append(journal.path.stat().st_size)
        if number % 100 == 0:
            assert Journal(journal.path).load(work) == Saved(items=number, finished=((3, "abc"),))
    assert max(sizes) < 1.1 * sizes[MOST_NOTES - 1]
    assert [number for number in range(1, len(sizes)) if sizes[number] < sizes[number - 1]] == [500, 1000]


def test_a_journal_stays_small_however_often_its_run_is_killed(tmp_path: Path) -> None:
    journal, work = Journal(tmp_path / "o.journal"), Work({}, (("i", 10),))
    journal.begin(work)
    for number in range(MOST_NOTES - 1):
        journal.save(Saved(items=number))
    lines = []
    for number in range(3):
        again = Journal(journal.path)
        again.trim()
        again.save(Saved(items=number))
        lines.append(journal.path.read_bytes().count(b"\n"))
        assert Journal(journal.path).load(work) == Saved(items=number)
    assert lines == [MOST_NOTES + 1, 2, 3]


def test_the_width_of_rows_is_carried_over_and_forgotten_with_the_file() -> None:
    cursor = Cursor(Saved())
    for item in (Item(file="a", line=1, raw=b"a O\n", width=2), Item(file="a", line=2, raw=b"\n")):
        cursor.take(item)
    assert (cursor.width, cursor.items, cursor.line, cursor.offset) == (2, 2, 3, 5)
    cursor.take(Item(file="c", line=1, source=2, raw=b"x"))
    assert (cursor.source, cursor.width, cursor.items, cursor.line, cursor.offset) == (2, 0, 1, 1, 1)
    assert cursor.finished == ((5, sha256(b"a O\n\n").hexdigest()), (0, sha256(b"").hexdigest()))


def test_half_a_line_is_cut_off_before_the_next_is_written(tmp_path: Path) -> None:
    journal, work = Journal(tmp_path / "o.journal"), Work({}, (("i", 10),))
    journal.begin(work)
    journal.save(Saved(items=1))
    for number in (2, 3):
        with journal.path.open("ab") as file:
            file.write(b'{"source": 1, "off')
        again = Journal(journal.path)
        assert again.load(work) == Saved(items=number - 1)
        again.trim()
        again.save(Saved(items=number))
        assert again.load(work) == Saved(items=number)
