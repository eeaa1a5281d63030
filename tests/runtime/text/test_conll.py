from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CorpusError
from runtime.text.conll import (
    MOST_LINES,
    Block,
    Columns,
    Sentence,
    read_blocks,
    read_conll,
    read_conll_numbered,
    tabs_separate,
    write_conll,
)

_LINES = ["\n", " \n", "\r\n", "-DOCSTART- -X- O\n", "Maria NNP B-PER\n", "to\tTO\tO\r\n", "# id 7\n"]
_MORE = ["# text = x\n", "#a NN O\n", "one\n", "two columns\n", "\xa0 NN O\n", "word  NN  O  \n"]


@given(st.lists(st.sampled_from(_LINES + _MORE).map(str.encode) | st.binary(max_size=6).map(lambda line: line + b"\n")))
def test_blocks_hold_every_byte_in_order(lines: list[bytes]) -> None:
    blocks = list(read_blocks(lines, "x", Columns()))
    assert [line for block in blocks for line in block.lines] == lines
    at = 1
    for block in blocks:
        assert block.line == at
        assert len(block.rows) == len(block.columns)
        at += len(block.lines)


def test_a_sentence_is_one_block_with_what_stands_around_it() -> None:
    lines = [b"-DOCSTART- O\n", b"\n", b"# c\n", b"Maria B-PER\n", b"# d e f\n", b"Keller I-PER\n", b"\n", b"in O\n"]
    blocks = list(read_blocks(lines, "x", Columns()))
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
    rows = sum(len(block.rows) for block in read_blocks(lines, "x", Columns()))
    assert rows == 1 + is_word


def test_a_document_mark_ends_a_sentence_that_no_blank_line_ended() -> None:
    lines = [b"Maria O\n", b"-DOCSTART- O\n", b"\n", b"Oslo O\n"]
    assert [len(block.lines) for block in read_blocks(lines, "x", Columns())] == [1, 2, 1]


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


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_a_folder_and_a_device_are_refused_and_not_waited_for(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / "x")
    with pytest.raises(CorpusError, match="it is no regular file"):
        list(read_conll(tmp_path / "x"))


def _blocks(raw: bytes, columns: Columns | None = None) -> list[Block]:
    lines = raw.splitlines(keepends=True)
    return list(read_blocks(lines, "x", columns or Columns(tabs=tabs_separate(lines))))


@pytest.mark.parametrize("comment", [b"# id = S-2\n", b"# a = O\n", b"#a = B-2 O\n", b"# part two B-2\n"])
def test_comments_that_end_like_a_label_are_comments(comment: bytes) -> None:
    """Reports of this kind: conllu#37, flair#3018."""
    first, second = _blocks(comment + b"Oslo NNP I-NP B-LOC\n\n" + comment + b"Lund NNP I-NP B-LOC\n")
    assert [first.rows, second.rows] == [[1], [1]]
    assert [first.problem, second.problem] == [None, None]


@pytest.mark.parametrize(
    ("lines", "tabs"),
    [
        ([b"New York\tB-LOC\n", b"flew\tO\n"], True),
        ([b"# a comment\n", b"Oslo\tB-LOC\n"], True),
        ([b"Oslo NNP\tB-LOC\n", b"flew VBD\tO\n"], False),
        ([b"Oslo B-LOC\n"], False),
        ([b"\n"], False),
    ],
)
def test_what_separates_columns_is_what_does_in_all_lines(lines: list[bytes], tabs: bool) -> None:
    assert tabs_separate(lines) == tabs


def test_a_word_of_a_file_with_tabs_may_hold_spaces(tmp_path: Path) -> None:
    """In udpipe#21 and spaCy#8737 such words cannot be read."""
    (tmp_path / "x").write_text("New York\tB-LOC\nflew\t\tO\n", encoding="utf-8")
    assert list(read_conll(tmp_path / "x")) == [Sentence(("New York", "flew"), ("B-LOC", "O"))]


def test_a_file_without_blank_lines_is_refused_with_a_hint(tmp_path: Path) -> None:
    """In flair#223 the whole file becomes one sentence."""
    (tmp_path / "x").write_bytes(b"# c\n" + b"Oslo B-LOC\n" * 300)
    with pytest.raises(CorpusError, match=r"x:2: a sentence of 300 words, as if .*; put a blank line after each"):
        list(read_conll(tmp_path / "x"))
    (tmp_path / "x").write_bytes(b"Oslo B-LOC\n" * 300 + b"\nOslo B-LOC\n")
    assert len(list(read_conll(tmp_path / "x"))) == 2
    (block,) = _blocks(b"Oslo B-LOC\n" * 5_001)
    assert str(block.problem).startswith("x:1: a sentence of over 5,000 words")
    assert not _blocks(b"Oslo B-LOC\n" * 5_000)[0].problem


@pytest.mark.parametrize("line", [b"Oslo B-LOC\n", b"# a comment\n"])
def test_lines_without_a_blank_one_do_not_fill_the_memory(line: bytes) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield line

    with pytest.raises(CorpusError, match=r"x:1: a sentence of over 100,000 lines.*; put a blank line after each"):
        list(read_blocks(endless(), "x", Columns()))
    assert read == MOST_LINES + 1
