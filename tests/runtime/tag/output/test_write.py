from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CorpusError
from runtime.tag.input.detect import Input
from runtime.tag.input.item import Item, as_text, as_words
from runtime.tag.input.read import READERS, Reading, Start
from runtime.tag.output.html_page import Page
from runtime.tag.output.terminal import Terminal
from runtime.tag.output.write import Conll, Jsonl
from runtime.text.answer import Answer
from runtime.text.entity import Entity

_TEXT = "Maria Keller flew to Oslo ."
_FOUND = Answer((Entity("PER", "Maria Keller", 0, 12, 0.5), Entity("LOC", "Oslo", 21, 25, 0.25)))


def _read(kind: Input, raw: bytes, *, more: bool = False) -> list[Item]:
    return list(READERS[kind](io.BytesIO(raw), Start("x", more=more), Reading()))


def test_json_keeps_every_field_as_it_was_written() -> None:
    raw = b' { "id": 1.10, "big": 1e5, "text" : "Maria \\u00e9" ,"n": [ null ] }  \r\n'
    (item,) = _read("jsonl", raw)
    line = Jsonl().entry(item, Answer(_FOUND.entities[:1]))
    assert line.startswith(b'{ "id": 1.10, "big": 1e5, "text" : "Maria \\u00e9" ,"n": [ null ], "entities": [{"label"')
    assert json.loads(line)["entities"][0]["score"] == 0.5


@given(st.dictionaries(st.text(max_size=5), st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_json_that_is_read_and_written_is_the_same_with_the_answer(fields: dict[str, object]) -> None:
    fields = {key: value for key, value in fields.items() if key not in ("words", "tokens", "entities")} | {"text": "x"}
    for ascii_alone in (False, True):
        raw = json.dumps(fields, ensure_ascii=ascii_alone).encode("utf-8", "surrogatepass")
        (item,) = _read("jsonl", raw)
        if not item.problem:
            written = json.loads(Jsonl().entry(item, Answer()))
            assert list(written.items()) == [*fields.items(), ("entities", [])]


def test_words_and_texts_and_problems_as_json() -> None:
    assert Jsonl().entry(Item(file="x", line=1, text="é"), Answer()) == '{"text": "é", "entities": []}\n'.encode()
    item = Item(file="x", line=1, words=("a", "\ud800"))
    assert json.loads(Jsonl().entry(item, Answer(labels=["O", "B-X"]))) == {
        "words": ["a", "\ud800"],
        "labels": ["O", "B-X"],
    }
    broken = Item(file="x", line=7, problem=CorpusError("x:7", "bad", "mend it"))
    assert json.loads(Jsonl().broken(broken)) == {"error": "x:7: bad; mend it", "file": "x", "line": 7}


_CONLL = (
    b"-DOCSTART- -X- -X- O\n\n# sent_id = 1\nMaria\tNNP\tB-PER\r\nflew VBD  O \n\n \n"
    b"#Oslo NN B-LOC\n. . O\n\xc2\xa0 . O"
)


def test_conll_is_kept_byte_for_byte_with_one_column_more() -> None:
    items = _read("conll", _CONLL)
    labels = iter(["B-PER", "O", "B-LOC", "O", "O"])
    written = b"".join(Conll().entry(item, Answer(labels=[next(labels) for _ in item.rows])) for item in items)
    assert written == (
        b"-DOCSTART- -X- -X- O\n\n# sent_id = 1\nMaria\tNNP\tB-PER\tB-PER\r\nflew VBD  O O\n\n \n"
        b"#Oslo NN B-LOC B-LOC\n. . O O\n\xc2\xa0 . O O"
    )


@given(st.lists(st.sampled_from([b"\n", b"# c\n", b"-DOCSTART- O\n", b"a O\n", b"b\tO\r\n", b"c  O \n"])))
def test_conll_without_its_last_column_is_what_was_read(lines: list[bytes]) -> None:
    raw = b"".join(lines)
    items = _read("conll", raw)
    written = b"".join(Conll().entry(item, Answer(labels=["B-X"] * len(item.rows))) for item in items)
    assert re.sub(rb"[ \t]*B-X", b"", written) == re.sub(rb" +(?=\n)", b"", raw)


def test_a_broken_sentence_is_copied() -> None:
    raw = b"# c\na O\nb\n\nc O\n"
    broken, whole = _read("conll", raw)
    assert broken.problem
    assert Conll().broken(broken) == b"# c\na O\nb\n\n"
    assert whole.problem is None


@pytest.mark.parametrize(("raw", "gap"), [(b"a O\n\n", b""), (b"a O\n", b"\n"), (b"a O", b"\n\n"), (b"\n", b"")])
def test_sentences_of_two_files_stay_apart(raw: bytes, gap: bytes) -> None:
    assert _read("conll", raw, more=True)[-1].gap == gap
    assert _read("conll", raw)[-1].gap == b""


def test_a_text_becomes_words_and_words_become_text() -> None:
    item = Item(file="x", line=1, text=_TEXT)
    words, labels = as_words(item, _FOUND)
    assert list(zip(words, labels)) == [
        ("Maria", "B-PER"),
        ("Keller", "I-PER"),
        ("flew", "O"),
        ("to", "O"),
        ("Oslo", "B-LOC"),
        (".", "O"),
    ]
    back = Item(file="x", line=1, words=tuple(words))
    assert as_text(back, Answer(labels=labels)) == (_TEXT, [(0, 12, "PER"), (21, 25, "LOC")])
    # An entity that is less than a word, as aggregation by tokens finds them, labels the word.
    part = Answer((Entity("PER", "ari", 1, 4, 1.0),))
    assert as_words(item, part)[1] == ["B-PER", "O", "O", "O", "O", "O"]


def test_a_terminal_is_coloured_and_cannot_be_taken_over() -> None:
    item = Item(file="x", line=1, text="Maria \x1b[2J\x9b\x07")
    found = Answer((Entity("PER", "Maria", 0, 5, 1.0),))
    assert (
        Terminal(["PER"], {}).entry(item, found).decode()
        == "\x1b[1;36mMaria\x1b[22m PER\x1b[0m \u241b[2J\ufffd\u2407\n"
    )
    assert Terminal(["PER"], {"NO_COLOR": "1"}).entry(item, found).decode() == "[Maria PER] \u241b[2J\ufffd\u2407\n"
    assert Terminal(["PER"], {"NO_COLOR": ""}).entry(item, found).startswith(b"\x1b[1;36m")


_UNWRITABLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"


class _Parsed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["p"], ["mark"]) and "main" in self.open:
            self.text.append(data)


@given(st.text(alphabet=st.characters(codec=None) | st.sampled_from("<>&\"'\n\x00\r"), min_size=1, max_size=30))
def test_a_page_is_well_formed_whatever_the_text(text: str) -> None:
    page = Page(["PER", "<b>"])
    found = Answer((Entity("<b>", text[:1], 0, 1, 1.0),))
    raw = page.head() + page.entry(Item(file="x", line=1, text=text), found) + page.tail()
    parsed = _Parsed()
    parsed.feed(raw.decode("utf-8"))
    assert parsed.open == []
    assert "".join(parsed.text) == re.sub(_UNWRITABLE, "\ufffd", text)
    assert not [value for name, value in parsed.attributes if name in ("src", "href", "onload")]


def test_a_page_needs_nothing_but_itself() -> None:
    page = Page(["PER", "LOC"])
    raw = (page.head() + page.entry(Item(file="x", line=1, text=_TEXT), _FOUND) + page.tail()).decode()
    assert '<mark class="l0">Maria Keller<b>PER</b></mark> flew to <mark class="l1">Oslo<b>LOC</b></mark> .' in raw
    assert not re.search(r"<script|https?:|url\(|@import", raw)
    assert "@media print" in raw
    assert len(set(re.findall(r"hsl\(\d+", raw))) == 2
