"""Lines become items: every byte is in one of them, and a broken line says what is wrong and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.tag.input.detect import Input
from runtime.tag.input.item import Item
from runtime.tag.input.read import READERS, Reading, conll_able, texts_as_items
from tests.runtime.tag.reading import problems, read


@given(st.sampled_from(list(READERS)), st.binary(max_size=60) | st.text(max_size=30).map(lambda t: t.encode("utf-8")))
def test_items_hold_every_byte_and_nothing_crashes(kind: Input, raw: bytes) -> None:
    items = read(kind, raw)
    assert b"".join(item.raw for item in items) == raw
    for item in items:
        assert sum(map(bool, (item.text, item.words, item.problem))) <= 1


def test_lines_end_in_line_feeds_alone() -> None:
    items = read("lines", "\ufeffone\r\ntwo\x0bthree\u2028four\n five ".encode())
    assert [item.text for item in items] == ["one", "two\x0bthree\u2028four", " five "]
    assert [item.place for item in items] == ["x:1", "x:2", "x:3"]


def test_a_file_is_one_text_line_ends_and_all() -> None:
    (item,) = read("text", b"\xef\xbb\xbfMaria\r\n\r\nOslo\n")
    assert (item.text, item.place) == ("Maria\r\n\r\nOslo\n", "x")


def test_words_are_parted_by_spaces_and_tabs() -> None:
    (item,) = read("words", " Maria\t Keller \xa01\u30002 \r\n".encode())
    assert item.words == ("Maria", "Keller", "\xa01\u30002")


@pytest.mark.parametrize(
    ("kind", "raw", "message"),
    [
        ("lines", b"a\nb\xffc\n", "x:2: byte 0xff is not UTF-8"),
        ("jsonl", b'{"text": "a"}\n\n{"text": "b"}\n', "x:2: not JSON"),
        ("text", b"a\n\n\xff", "x:3: byte 0xff is not UTF-8"),
        ("conll", b"a b\nc\n", "x:2: 1 column where as many columns"),
        ("conll", b"a\nb\xff\n", "x:2: byte 0xff is not UTF-8"),
    ],
)
def test_a_broken_line_is_named(kind: Input, raw: bytes, message: str) -> None:
    (problem,) = problems(kind, raw)
    assert problem.startswith(message)


def test_one_column_has_no_gold() -> None:
    (problem,) = problems("conll", b"a\n", Reading(gold=True))
    assert problem.startswith("x:1: 1 column where a word and a label at least should be")


def test_columns_can_be_chosen() -> None:
    raw = b"1\tMaria\tB-PER\tx\n2\tOslo\tB-LOC\ty\n"
    (item,) = read("conll", raw, Reading(word_column=2, gold_column=-2, gold=True))
    assert (item.words, item.gold) == (("Maria", "Oslo"), ("B-PER", "B-LOC"))


def test_texts_of_a_command_line_are_counted() -> None:
    items = list(texts_as_items(["a", "", "b\udcff"]))
    assert [str(item.problem) for item in items] == [
        "None",
        "None",
        "text 3: the text is not UTF-8; convert it to UTF-8",
    ]


def test_an_empty_text_is_a_text_in_every_format() -> None:
    """One that is left out shifts all answers after it; in GLiNER#63 and #316 it is an error."""
    for raw in (b"a\n\n \nb\n", b"a\r\n\r\n \r\nb"):
        assert [(item.text, item.kind) for item in read("lines", raw)] == [(t, "text") for t in ("a", "", " ", "b")]
        assert [(item.words, item.kind) for item in read("words", raw)] == [
            (words, "words") for words in (("a",), (), (), ("b",))
        ]
    assert [item.text for item in read("jsonl", b'{"text": ""}\n')] == [""]
    assert [(item.words, item.kind) for item in read("jsonl", b'{"words": []}\n')] == [((), "words")]
    assert [item.text for item in read("text", b"")] == [""]


def test_blank_lines_at_the_end_of_jsonl_are_nothing() -> None:
    text, *rest = read("jsonl", b'{"text": "a"}\n\n \n')
    assert (text.text, [(item.is_filler, item.problem) for item in rest]) == ("a", [(True, None)] * 2)


def test_conllu_has_its_word_in_the_second_column() -> None:
    """Ranges and empty nodes pass through as they are; a FORM may hold a space (udpipe#21)."""
    row = "\t_\t_\t_\t_\t_\t_\t_\t_\n"
    raw = f"# id = S-2\n# newdoc\n1-2\tdu{row}1\tde{row}2\tle{row}2.1\t_{row}3\t10 000{row}\n#x\n".encode()
    sentence, comment = read("conllu", raw)
    assert (sentence.words, sentence.rows, sentence.width) == (("de", "le", "10 000"), (3, 4, 6), 10)
    assert comment.is_filler


@pytest.mark.parametrize(("raw", "gap"), [(b"a O\n\n", b""), (b"a O\n", b"\n"), (b"a O", b"\n\n"), (b"\n", b"")])
def test_sentences_of_two_files_stay_apart(raw: bytes, gap: bytes) -> None:
    assert read("conll", raw, more=True)[-1].gap == gap
    assert read("conll", raw)[-1].gap == b""


def test_a_word_that_a_column_cannot_hold_is_a_problem() -> None:
    whole = Item(file="x", line=3, kind="words", words=("New", "\xa0York"))
    assert conll_able(whole) is whole
    for word in ("New York", "a\tb", "a\n"):
        item = conll_able(Item(file="x", line=3, words=("in", word)))
        assert str(item.problem).startswith(f"x:3: the word {word!r} has white space in it")
    # Words that come from CoNLL have their column already.
    row = Item(file="x", line=3, words=("a\n",), rows=(0,))
    assert conll_able(row) is row


def test_a_broken_sentence_says_how_many_columns_the_file_has() -> None:
    # Its first row is broken, its second says that there are two columns: who goes on after it must know.
    items = read("conll", b"\xff O\nMaria O\n\nOslo\n")
    assert [bool(item.problem) for item in items] == [True, True]
    assert [item.width for item in items] == [2, 2]
