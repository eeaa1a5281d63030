"""JSON arrays, CSV, TSV and Parquet become lines of JSONL: every record once, whole, or said what is wrong with it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CorpusError, NerveError
from runtime.tag.input.opened import as_file
from runtime.tag.input.read import READERS, Reading, Start
from runtime.tag.input.tables import as_json_lines

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def _records(kind: str, raw: bytes) -> list[Any]:
    lines = list(as_json_lines(kind, io.BytesIO(raw), "x"))
    return [json.loads(line) for line in lines if kind not in ("csv", "tsv") or line != b"\n"]


@given(st.lists(_VALUES, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_an_array_gives_its_values(values: list[Any], indent: int | None, ascii_alone: bool) -> None:
    raw = json.dumps(values, indent=indent, ensure_ascii=ascii_alone).encode("utf-8", "surrogatepass")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return
    assert _records("json", raw) == [{"text": value} if isinstance(value, str) else value for value in values]


def test_an_object_of_an_array_stays_as_it_was_written() -> None:
    raw = b'\xef\xbb\xbf [\n{"n": 1.10, "t":\n "\\u00e9"} , "Oslo"]\n'
    assert list(as_json_lines("json", io.BytesIO(raw), "x")) == [
        b'{"n": 1.10, "t":  "\\u00e9"}\n',
        b'{"text": "Oslo"}\n',
    ]


def test_an_array_is_read_value_by_value() -> None:
    """Neither the whole array nor more than a block beyond a value is held."""
    size = 3 << 20
    values = (b'%s"%s"' % (b"," if n else b"[", b"x" * size) for n in range(4))
    lines = as_json_lines("json", as_file(values), "x")
    assert len(next(lines)) == size + len('{"text": ""}\n')
    assert sum(1 for _ in values) >= 2


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=2), max_size=5), st.sampled_from(["csv", "tsv"]))
def test_a_table_gives_its_rows(rows: list[list[str]], kind: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter="\t" if kind == "tsv" else ",", quoting=csv.QUOTE_ALL).writerows([["id", "text"], *rows])
    assert _records(kind, file.getvalue().encode()) == [{"id": a, "text": b} for a, b in rows]


def test_values_that_are_not_there_are_null_and_blank_lines_nothing() -> None:
    assert _records("csv", b"id,text\r\n1\r\n\r\n2,Oslo\r\n") == [
        {"id": "1", "text": None},
        {"id": "2", "text": "Oslo"},
    ]
    assert _records("csv", b"") == []
    assert _records("csv", b"id,text\n1,Maria, of Oslo\n2,Oslo\n") == [
        ["1", "Maria", " of Oslo"],
        {"id": "2", "text": "Oslo"},
    ]
    # The library's own limit of 131,072 characters does not hold here.
    assert len(_records("csv", b"text\n" + b"x" * 200_000)[0]["text"]) == 200_000


@given(
    st.lists(st.sampled_from([("Oslo", 1), ('"in\nOslo"', 2), ("", 1), ('"\n\n"', 3)])), st.sampled_from(["\n", "\r\n"])
)
def test_a_row_has_the_line_of_the_file_in_which_it_begins(rows: list[tuple[str, int]], end: str) -> None:
    raw = "".join(text + end for text, _ in [("text", 1), *rows]).encode()
    begins = [2 + sum(size for _, size in rows[:number]) for number, (text, _) in enumerate(rows) if text]
    read = READERS["csv"](as_json_lines("csv", io.BytesIO(raw), "x"), Start("x"), Reading())
    assert [item.line for item in read] == begins


@pytest.mark.parametrize(
    ("kind", "raw", "message"),
    [
        ("json", b"{}", "x: not a JSON array; begin it with ["),
        ("json", b'["a" "b"]', "x: no comma after value 1 of the array"),
        ("json", b'["a", "b', "x: value 2: not JSON (Unterminated string"),
        ("json", b'["a", NaN]', "x: value 2: not JSON (NaN is not in JSON)"),
        ("json", b'["a"', "x: no comma after value 1"),
        ("json", b'["a"] 3', "x: more text after the array"),
        ("json", b'["\xff"]', "x: byte 0xff is not UTF-8"),
        ("csv", b'id,text\n1,"Maria" said\n', "x:2: not a table"),
        ("csv", b'id,text\n1,"Maria\n', "x:2: not a table"),
        ("csv", b"text,text\n", "x: two columns are named 'text'"),
        ("tsv", b"text\n\xff\n", "x: byte 0xff is not UTF-8"),
        ("parquet", b"PAR1 and no more", "x: not a Parquet file that can be read"),
    ],
)
def test_what_is_wrong_is_said(kind: str, raw: bytes, message: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    with pytest.raises(NerveError) as caught:
        _records(kind, raw)
    assert message in str(caught.value)


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"text": ["Maria", None], "n": [1.5, float("nan")], "tokens": [["a", "b"], []], "raw": [b"x", b"y"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    with (tmp_path / "x.parquet").open("rb") as file:
        assert [json.loads(line) for line in as_json_lines("parquet", file, "x")] == [
            {"text": "Maria", "n": 1.5, "tokens": ["a", "b"], "raw": "b'x'"},
            {"text": None, "n": None, "tokens": [], "raw": "b'y'"},
        ]


def test_parquet_is_not_read_from_a_pipe() -> None:
    pytest.importorskip("pyarrow")
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read, "rb") as pipe, pytest.raises(NerveError, match="read from its end, and a pipe has none"):
        list(as_json_lines("parquet", pipe, "x"))


@pytest.mark.parametrize("kind", ["json", "csv", "tsv"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_what_has_no_end_is_refused_before_it_is_held(kind: str, end: bytes) -> None:
    """--max-text held for lines alone: a string of an array, or a value of a table, was read to its end."""
    opens = b'["' if kind == "json" else b'text\n"'
    read = 0

    def parts() -> Iterator[bytes]:
        nonlocal read
        yield opens
        while read < 1 << 26:
            read += 1 << 16
            yield b"x" * ((1 << 16) - len(end)) + (b"" if kind == "json" else end)

    with pytest.raises(CorpusError, match=r"bytes or more, as if it had no end; .* --max-text"):
        list(as_json_lines(kind, as_file(parts()), "x", most=100_000))
    assert read < 1 << 23
