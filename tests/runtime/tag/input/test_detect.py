"""The format of an input and of an output, by names and first lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from runtime.tag.input.detect import input_format, output_format
from runtime.tag.input.source import Source


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
def test_a_format_is_recognized(name: str, content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert input_format(Source(str(path))) == kind


def test_a_line_that_is_cut_off_does_not_count(tmp_path: Path) -> None:
    # The look ends in the middle of a line of words that is no CoNLL line as far as it is seen.
    rows = b"Maria NNP B-PER\n" * 4095 + b"x" * 100 + b" NNP O\n"
    (tmp_path / "a.txt").write_bytes(rows)
    assert input_format(Source(str(tmp_path / "a.txt"))) == "conll"


def test_what_can_be_read_only_once_is_lines() -> None:
    assert input_format(Source("-")) == "lines"


def test_an_output_is_as_its_name_says_or_as_its_inputs() -> None:
    assert output_format("x.html.gz", ["lines"]) == "html"
    assert output_format("-", ["conll", "conll"]) == "conll"
    assert output_format("x.txt", ["conll", "lines"]) == "jsonl"
