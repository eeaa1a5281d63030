from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.tag.input.detect import Input, input_format, output_format
from runtime.tag.input.item import Item
from runtime.tag.input.jsonl import Fields
from runtime.tag.input.read import READERS, Reading, Start, texts_as_items
from runtime.tag.input.source import Source
from runtime.tag.progress import Progress


def _read(kind: Input, raw: bytes, reading: Reading | None = None, *, more: bool = False) -> list[Item]:
    return list(READERS[kind](io.BytesIO(raw), Start("x", more=more), reading or Reading()))


def _problems(kind: Input, raw: bytes, reading: Reading | None = None) -> list[str]:
    return [str(item.problem) for item in _read(kind, raw, reading) if item.problem]


@given(st.sampled_from(list(READERS)), st.binary(max_size=60) | st.text(max_size=30).map(lambda t: t.encode("utf-8")))
def test_items_hold_every_byte_and_nothing_crashes(kind: Input, raw: bytes) -> None:
    items = _read(kind, raw)
    assert b"".join(item.raw for item in items) == raw
    for item in items:
        assert sum(map(bool, (item.text, item.words, item.problem))) <= 1


def test_lines_end_in_line_feeds_alone() -> None:
    items = _read("lines", "\ufeffone\r\ntwo\x0bthree\u2028four\n five ".encode())
    assert [item.text for item in items] == ["one", "two\x0bthree\u2028four", " five "]
    assert [item.place for item in items] == ["x:1", "x:2", "x:3"]


def test_a_file_is_one_text_line_ends_and_all() -> None:
    (item,) = _read("text", b"\xef\xbb\xbfMaria\r\n\r\nOslo\n")
    assert (item.text, item.place) == ("Maria\r\n\r\nOslo\n", "x")


def test_words_are_parted_by_spaces_and_tabs() -> None:
    (item,) = _read("words", " Maria\t Keller \xa01\u30002 \r\n".encode())
    assert item.words == ("Maria", "Keller", "\xa01\u30002")


@pytest.mark.parametrize(
    ("kind", "raw", "message"),
    [
        ("lines", b"a\n \nb", "x:2: the text is empty"),
        ("lines", b"a\nb\xffc\n", "x:2: byte 0xff is not UTF-8"),
        ("words", b"\n", "x:1: the text is empty"),
        ("text", b" \n", "x: the text is empty"),
        ("text", b"a\n\n\xff", "x:3: byte 0xff is not UTF-8"),
        ("jsonl", b"\n", "x:1: not JSON"),
        ("jsonl", b'{"text": "a"', "x:1: not JSON"),
        ("jsonl", b'{"text": NaN}', "x:1: not JSON (NaN is not in JSON)"),
        ("jsonl", b"[" * 100_000, "x:1: not JSON"),
        ("jsonl", b"[1]", "x:1: a JSON list where an object should be"),
        ("jsonl", b'{"title": "a"}', "x:1: no field 'text' or 'words' or 'tokens' (it has: 'title')"),
        ("jsonl", b'{"text": "a", "words": ["a"]}', "x:1: it has 'text' and 'words'"),
        ("jsonl", b'{"text": 1}', "x:1: the field 'text' is a number"),
        ("jsonl", b'{"text": ""}', "x:1: the text is empty"),
        ("jsonl", b'{"words": "a b"}', "x:1: the field 'words' is not a list of strings"),
        ("jsonl", b'{"words": ["a", ""]}', "x:1: the field 'words' is not a list of strings"),
        ("jsonl", b'{"words": []}', "x:1: the field 'words' has no words"),
        ("conll", b"a b\nc\n", "x:2: 1 column where as many columns"),
        ("conll", b"a\nb\xff\n", "x:2: byte 0xff is not UTF-8"),
    ],
)
def test_a_broken_line_is_named(kind: Input, raw: bytes, message: str) -> None:
    (problem,) = _problems(kind, raw)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"text": "a"}', "a text has no gold labels"),
        (b'{"words": ["a"]}', "no field 'gold' or 'labels' to score against"),
        (b'{"words": ["a"], "gold": ["O", "O"]}', "2 labels in 'gold' for 1 words"),
        (b'{"words": ["a"], "labels": [0]}', "the field 'labels' is not a list of strings"),
    ],
)
def test_gold_labels_must_be_there_to_score(raw: bytes, message: str) -> None:
    (problem,) = _problems("jsonl", raw, Reading(gold=True))
    assert problem.startswith(f"x:1: {message}")


def test_one_column_has_no_gold() -> None:
    (problem,) = _problems("conll", b"a\n", Reading(gold=True))
    assert problem.startswith("x:1: 1 column where a word and a label at least should be")


def test_columns_can_be_chosen() -> None:
    raw = b"1\tMaria\tB-PER\tx\n2\tOslo\tB-LOC\ty\n"
    (item,) = _read("conll", raw, Reading(word_column=2, gold_column=-2, gold=True))
    assert (item.words, item.gold) == (("Maria", "Oslo"), ("B-PER", "B-LOC"))


def test_fields_can_be_chosen() -> None:
    raw = b'{"text": "not this", "body": "Oslo", "entities": []}'
    (item,) = _read("jsonl", raw, Reading(fields=Fields(text="body", answer="found")))
    assert (item.text, item.answer) == ("Oslo", "found")
    (problem,) = _problems("jsonl", raw, Reading(fields=Fields(text="body", answer="text")))
    assert "it has a field 'text' already" in problem


def test_texts_of_a_command_line_are_counted() -> None:
    items = list(texts_as_items(["a", " ", "b\udcff"]))
    assert [str(item.problem) for item in items[1:]] == [
        "text 2: the text is empty; give it some words, or leave it out",
        "text 3: the text is not UTF-8; convert it to UTF-8",
    ]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.jsonl", b"Maria\n", "jsonl"),
        ("a.conll.gz", b"", "conll"),
        ("a.txt", b"Maria flew .\nOslo is big .\n", "lines"),
        ("a.txt", b"-DOCSTART- -X- -X- O\n\nMaria NNP I-NP B-PER\n. . O O\n", "conll"),
        ("a.txt", b"# id = 1\nMaria\tB-PER\n\n", "conll"),
        ("a.txt.gz", b'{"text": "x"}\n{"text": "y"}\n', "jsonl"),
        ("a", b'{"text": "x"}', "jsonl"),
        ("a.txt", b"", "lines"),
    ],
)
def test_a_format_is_recognised(name: str, content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert input_format(Source(str(path))) == kind


def test_an_output_is_as_its_name_says_or_as_its_inputs() -> None:
    assert output_format("x.html.gz", ["lines"]) == "html"
    assert output_format("-", ["conll", "conll"]) == "conll"
    assert output_format("x.txt", ["conll", "lines"]) == "jsonl"


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_says_share_rate_and_remaining_time() -> None:
    times = iter([0.0, 0.0, 10.0])
    screen = _Screen()
    progress = Progress(1000, wanted=True, file=screen, clock=lambda: next(times))
    progress.update(50, 0)
    progress.update(50, 250)
    assert screen.getvalue().endswith("25% [######                  ] 100 texts  10/s  0:30 left")
    progress.clear()
    quiet = io.StringIO()
    for other in (Progress(0, wanted=True, file=quiet), Progress(0, wanted=False, file=_Screen())):
        other.update(1, 1)
        other.clear()
    assert quiet.getvalue() == ""
