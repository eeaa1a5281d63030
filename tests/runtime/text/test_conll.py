from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CorpusError
from runtime.text.conll import Sentence, read_blocks, read_conll, read_conll_numbered, write_conll

_LINES = ["\n", " \n", "\r\n", "-DOCSTART- -X- O\n", "Maria NNP B-PER\n", "to\tTO\tO\r\n", "# id 7\n"]
_MORE = ["# text = x\n", "#a NN O\n", "one\n", "two columns\n", "\xa0 NN O\n", "word  NN  O  \n"]


@given(st.lists(st.sampled_from(_LINES + _MORE).map(str.encode) | st.binary(max_size=6).map(lambda line: line + b"\n")))
def test_blocks_hold_every_byte_in_order(lines: list[bytes]) -> None:
    blocks = list(read_blocks(lines, "x"))
    assert [line for block in blocks for line in block.lines] == lines
    at = 1
    for block in blocks:
        assert block.line == at
        assert len(block.rows) == len(block.columns)
        at += len(block.lines)


def test_a_sentence_is_one_block_with_what_stands_around_it() -> None:
    lines = [b"-DOCSTART- O\n", b"\n", b"# c\n", b"Maria B-PER\n", b"# d e f\n", b"Keller I-PER\n", b"\n", b"in O\n"]
    blocks = list(read_blocks(lines, "x"))
    assert [block.rows for block in blocks] == [[], [1, 3], [0]]
    assert blocks[1].columns == [("Maria", "B-PER"), ("Keller", "I-PER")]
    assert [block.problem for block in blocks] == [None] * 3


@pytest.mark.parametrize(
    ("line", "inside", "is_word"),
    [
        (b"# NN I-NP O\n", True, True),  # the currency sign of the Penn Treebank
        (b"# NN I-NP O\n", False, True),
        (b"#tag NN I-NP O\n", False, True),
        (b"# id of four\n", False, False),
        (b"# id of four\n", True, True),
        (b"# a comment of more columns\n", True, False),
        (b"# one\n", False, False),
        (b"#\n", True, False),
    ],
)
def test_a_line_that_begins_with_a_hash_is_a_comment_unless_it_looks_like_the_others(
    line: bytes, inside: bool, is_word: bool
) -> None:
    word = b"Oslo NNP I-NP B-LOC\n"
    lines = [word, line] if inside else [word, b"\n", line]
    rows = sum(len(block.rows) for block in read_blocks(lines, "x"))
    assert rows == 1 + is_word


def test_a_document_mark_ends_a_sentence_that_no_blank_line_ended() -> None:
    lines = [b"Maria O\n", b"-DOCSTART- O\n", b"\n", b"Oslo O\n"]
    assert [len(block.lines) for block in read_blocks(lines, "x")] == [1, 2, 1]


def test_read_and_write(tmp_path: Path) -> None:
    sentences = [Sentence(("Maria", "a\xa0b"), ("B-PER", "O")), Sentence(("Oslo",), ("B-LOC",))]
    write_conll(sentences, tmp_path / "x")
    assert list(read_conll(tmp_path / "x")) == sentences


def test_a_sentence_is_known_by_the_line_of_its_first_word(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("\ufeff-DOCSTART- O\n\n# c\nMaria O\nflew O\n\n\nto O", encoding="utf-8")
    assert [(line, s.words) for line, s in read_conll_numbered(tmp_path / "x")] == [
        (4, ("Maria", "flew")),
        (8, ("to",)),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Maria O\nflew\n", ":2: 1 column where as many columns as the lines before it (2) should be"),
        (b"Maria\n", ":1: 1 column where a word and a label at least should be"),
        (b"Maria NNP O\nflew O\n", ":2: 2 columns where as many columns as the lines before it (3)"),
        (b"Maria O\n\xff O\n", ":2: byte 0xff is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        list(read_conll(tmp_path / "x"))
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="No such file"):
        list(read_conll(tmp_path / "none"))
