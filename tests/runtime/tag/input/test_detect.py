"""The format of an input and of an output, by names and first lines."""

from __future__ import annotations

import gzip
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.errors import CorpusError
from runtime.tag.input.detect import input_format, output_format
from runtime.tag.input.source import Source
from tests.waiting import PATIENCE


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
        ("a.txt", b"He took vitamin B-12\n", "lines"),
        ("a.csv", b"text\nMaria\n", "csv"),
        ("a.tsv", b"id\ttext\n1\tMaria\n", "tsv"),
        ("a.tsv", b"Maria\tB-PER\nflew\tO\n", "conll"),
        ("a.json", b'["Maria"]', "json"),
        ("a.json", b'{"text": "x"}\n{"text": "y"}\n', "jsonl"),
        ("a", b'[\n {"text": "x"}\n]', "json"),
        ("a.conllu", b"", "conllu"),
        ("a.txt", b"# t\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\t_\t_\t_\t_\t_\t_\t_\t_\n", "conllu"),
        ("a.bin", b"PAR1", "parquet"),
    ],
)
def test_a_format_is_recognized(name: str, content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert input_format(Source(str(path))) == kind


@pytest.mark.parametrize("content", [b"word " * 13_000, b"a" + b" O" * 30_000 + b" x", b"a O" + b" " * 60_000 + b"x"])
def test_a_long_line_is_looked_at_in_linear_time(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    began = time.thread_time()
    assert input_format(Source(str(tmp_path / "a"))) == "lines"
    assert time.thread_time() - began < 2  # a millisecond is usual; quadratic time would be many seconds


def test_a_line_that_is_cut_off_does_not_count(tmp_path: Path) -> None:
    # The look ends in the middle of a line of words that is no CoNLL line as far as it is seen.
    rows = b"Maria NNP B-PER\n" * 4095 + b"x" * 100 + b" NNP O\n"
    (tmp_path / "a.txt").write_bytes(rows)
    assert input_format(Source(str(tmp_path / "a.txt"))) == "conll"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"text": "Maria"}\n', "jsonl"),
        (b'[{"text": "Maria"}]', "json"),
        (b"Maria NNP B-PER\nflew VBD O\n\n", "conll"),
        # With no time in it: a test has the same name in each process that collects it.
        (gzip.compress(b"Maria NNP B-PER\nflew VBD O\n\n", mtime=0), "conll"),
        (b"Maria flew .\n", "lines"),
        (b"", "lines"),
    ],
)
def test_a_pipe_is_recognized_by_its_first_bytes_and_read_whole(content: bytes, kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((tmp_path / "pipe").write_bytes, content)
        source = Source(str(tmp_path / "pipe"), patience=PATIENCE)
        assert input_format(source) == kind
        with source.open() as file:
            assert b"".join(source.lines(file)) == (gzip.decompress(content) if content[:1] == b"\x1f" else content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a", b"%PDF-1.7\n", "it is PDF, which is not read; take the text out of it"),
        ("a.docx", b"PK\x03\x04\x00", "a ZIP archive or an Office document"),
        ("a.txt", "Maria\n".encode("utf-16"), "it is UTF-16, which is not read; convert it to UTF-8"),
        ("a.txt", b"Maria\0\n", "bytes that no text has"),
        ("a.html", b"<p>Maria</p>\n", "markup, whose tags would be read as text"),
        ("page", b"\xef\xbb\xbf\n<?xml version='1.0'?>\n<p>Maria</p>\n", "markup, whose tags would be read as text"),
        ("a.txt", b"<!DOCTYPE HTML>\n<p>Maria</p>\n", "markup, whose tags would be read as text"),
        ("a.json", b'{\n "text": "Maria"\n}\n', "neither a JSON array nor an object on each line"),
        ("a.txt", b'{\n "text": "Maria"\n}\n', "neither a JSON array nor an object on each line"),
    ],
)
def test_what_is_not_recognized_is_said(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        input_format(Source(str(tmp_path / name)))


def test_an_output_is_as_its_name_says_or_as_its_inputs() -> None:
    assert output_format("x.html.gz", ["lines"]) == "html"
    assert output_format("-", ["conll", "conll"]) == "conll"
    assert output_format("x.txt", ["conll", "lines"]) == "jsonl"
