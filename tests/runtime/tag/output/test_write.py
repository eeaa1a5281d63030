"""Items and answers as JSONL and CoNLL: what was read is kept as it was written, and the answer is added."""

from __future__ import annotations

import io
import json
import re
import time
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CorpusError
from runtime.tag.input.detect import Output
from runtime.tag.input.item import Item
from runtime.tag.input.read import READERS, Reading, Start
from runtime.tag.output.html_page import Page
from runtime.tag.output.terminal import Terminal
from runtime.tag.output.write import Conll, Jsonl, Writer, open_writer
from runtime.text.answer import Answer
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from tests.runtime.tag.reading import read

_FOUND = Answer((Entity("PER", "Maria Keller", 0, 12, 0.5), Entity("LOC", "Oslo", 21, 25, 0.25)))


def test_json_keeps_every_field_as_it_was_written() -> None:
    raw = b' { "id": 1.10, "big": 1e5, "text" : "Maria \\u00e9" ,"n": [ null ] }  \r\n'
    (item,) = read("jsonl", raw)
    line = Jsonl().entry(item, Answer(_FOUND.entities[:1]))
    assert line.startswith(b'{ "id": 1.10, "big": 1e5, "text" : "Maria \\u00e9" ,"n": [ null ], "entities": [{"label"')
    assert json.loads(line)["entities"][0]["score"] == 0.5


@given(st.dictionaries(st.text(max_size=5), st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_json_that_is_read_and_written_is_the_same_with_the_answer(fields: dict[str, object]) -> None:
    fields = {key: value for key, value in fields.items() if key not in ("words", "tokens", "entities")} | {"text": "x"}
    for ascii_alone in (False, True):
        raw = json.dumps(fields, ensure_ascii=ascii_alone).encode("utf-8", "surrogatepass")
        (item,) = read("jsonl", raw)
        if not item.problem:
            written = json.loads(Jsonl().entry(item, Answer()))
            assert list(written.items()) == [*fields.items(), ("entities", [])]


def test_words_and_texts_and_problems_as_json() -> None:
    assert Jsonl().entry(Item(file="x", line=1, text="é"), Answer()) == '{"text": "é", "entities": []}\n'.encode()
    item = Item(file="x", line=1, kind="words", words=("a", "\ud800"))
    assert json.loads(Jsonl().entry(item, Answer(labels=["O", "B-X"]))) == {
        "words": ["a", "\ud800"],
        "labels": ["O", "B-X"],
    }
    broken = Item(file="x", line=7, problem=CorpusError("x:7", "bad", "fix it"))
    assert json.loads(Jsonl().broken(broken)) == {"error": "x:7: bad; fix it", "file": "x", "line": 7}


@pytest.mark.parametrize("row", [b"a" + b" " * 60_000 + b"b c", b"a" + b" " * 60_000 + b"b\tc"])
def test_runs_of_blanks_take_linear_time(row: bytes) -> None:
    began = time.thread_time()
    (item,) = READERS["conll"](io.BytesIO(row + b"\n"), Start("x", tabs=b"\t" in row), Reading())
    assert Conll().entry(item, Answer(labels=["O"])).startswith(row)
    assert time.thread_time() - began < 2  # a millisecond is usual; quadratic time would be many seconds


_CONLL = (
    b"-DOCSTART- -X- -X- O\n\n# sent_id = 1\nMaria\tNNP\tB-PER\r\nflew VBD  O \n\n \n"
    b"#Oslo NN B-LOC\n. . O\n\xc2\xa0 . O"
)


def test_conll_is_kept_byte_for_byte_with_one_column_more() -> None:
    items = read("conll", _CONLL)
    labels = iter(["B-PER", "O", "B-LOC", "O", "O"])
    written = b"".join(Conll().entry(item, Answer(labels=[next(labels) for _ in item.rows])) for item in items)
    assert written == (
        b"-DOCSTART- -X- -X- O\n\n# sent_id = 1\nMaria\tNNP\tB-PER\tB-PER\r\nflew VBD  O O\n\n \n"
        b"#Oslo NN B-LOC B-LOC\n. . O O\n\xc2\xa0 . O O"
    )


@given(st.lists(st.sampled_from([b"\n", b"# c\n", b"-DOCSTART- O\n", b"a O\n", b"b\tO\r\n", b"c  O \n"])))
def test_conll_without_its_last_column_is_what_wasread(lines: list[bytes]) -> None:
    raw = b"".join(lines)
    items = read("conll", raw)
    written = b"".join(Conll().entry(item, Answer(labels=["B-X"] * len(item.rows))) for item in items)
    assert re.sub(rb"[ \t]*B-X", b"", written) == re.sub(rb" +(?=\n)", b"", raw)


def test_a_label_is_one_column_whatever_is_in_it() -> None:
    """Labels with blanks or line ends made columns and lines that nobody had written."""
    text = Item(file="x", line=1, text="Oslo")
    found = Answer((Entity("New\u00a0 City\nO O", "Oslo", 0, 4, 1.0),))
    assert Conll().entry(text, found) == b"Oslo B-New__City_O_O\n\n"
    assert b"".join(Conll().long(text, found.entities)) == Conll().entry(text, found)
    (item,) = read("conll", b"Oslo\n")
    assert Conll().entry(item, Answer(labels=["B-a b"])) == b"Oslo B-a_b\n"
    assert Conll().entry(item, Answer(labels=[""])) == b"Oslo O\n"


def test_a_broken_sentence_is_copied() -> None:
    raw = b"# c\na O\nb\n\nc O\n"
    broken, whole = read("conll", raw)
    assert broken.problem
    assert Conll().broken(broken) == b"# c\na O\nb\n\n"
    assert whole.problem is None


def test_a_text_as_conll_is_its_words_and_a_problem_is_a_comment() -> None:
    item = Item(file="x", line=1, text="Maria Keller flew to Oslo .")
    assert Conll().entry(item, _FOUND) == b"Maria B-PER\nKeller I-PER\nflew O\nto O\nOslo B-LOC\n. O\n\n"
    broken = Item(file="x", line=7, problem=CorpusError("x:7", "bad", "fix it"))
    assert Conll().broken(broken) == b"# x:7: bad; fix it\n\n"


@pytest.mark.parametrize(("kind", "writer"), [("jsonl", Jsonl), ("conll", Conll), ("color", Terminal), ("html", Page)])
def test_every_format_has_its_writer_and_fillers_have_no_entry(kind: Output, writer: type[Writer]) -> None:
    opened = open_writer(kind, LabelSet(["PER"]))
    assert isinstance(opened, writer)
    assert opened.entry(Item(file="x", line=1, kind="filler"), Answer()) == b""


@given(
    st.text(alphabet='ab .,\n\r"<\u00e9\ud83d\ude00\U0001f600', max_size=40),
    st.lists(st.integers(0, 40), max_size=8, unique=True),
)
def test_a_long_text_is_written_as_a_short_one(text: str, borders: list[int]) -> None:
    places = [place for place in sorted(borders) if place <= len(text)]
    found = [Entity("PER", text[start:end], start, end, 0.5) for start, end in zip(places[::2], places[1::2])]
    labels = LabelSet(["O", "B-PER"])
    field = json.dumps({"id": 7, "text": text}).encode() + b"\n"
    for kind in get_args(Output):
        for item in (Item(file="x", line=1, text=text), Item(file="x", line=1, text=text, raw=field, answer="found")):
            writer = open_writer(kind, labels)
            long, short = b"".join(writer.long(item, iter(found))), writer.entry(item, Answer(found))
            # Half of a surrogate pair makes a line of escapes; of a long text, only of the part that it is in.
            is_same = long == short or (kind == "jsonl" and json.loads(long) == json.loads(short))
            assert is_same, (long, short)
