"""JSON arrays, CSV, TSV and Parquet -> lines of JSONL, an object a record, lazily.

Texts in an array become {"text": ...}; an object stays as it was written, on one line. The records of a table have its
columns as fields; a value that is not there is null, and a row with more values than columns becomes a list, which is
refused like any line that is no object. Before a row, blank lines stand for those of the file that hold none, so that
lines are counted as there. The module does not know what is tagged.
"""

from __future__ import annotations

import codecs
import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from runtime.errors import CorpusError, UsageError
from runtime.tag.input.opened import as_file
from runtime.tag.input.source import too_large

_BLOCK = 1 << 20
_BLANKS = " \t\r\n"
_ROWS = 1024


def as_json_lines(kind: str, file: BinaryIO, place: str, *, most: int = sys.maxsize) -> BinaryIO:
    """The same content as JSONL, where the format is one of CONVERTERS; else the file itself.

    Args:
        kind: the format.
        file: the opened input.
        place: its name, for messages.
        most: largest number of bytes of a value; of a table, also of a line.

    Raises:
        CorpusError, UsageError: while it is read: it is not of that format, a value of it is larger, or the library for
            it is missing.
    """
    return as_file(CONVERTERS[kind](file, place, most)) if kind in CONVERTERS else file


def _array(file: BinaryIO, place: str, most: int) -> Iterator[bytes]:
    """The elements of a JSON array, each read as soon as it is whole."""
    text, number = _Text(file, place, most), 0
    if text.skip(_BLANKS) != "[":
        raise CorpusError(place, "not a JSON array", "begin it with [, or put one object on each line of a .jsonl file")
    text.take()
    while (sign := text.skip(_BLANKS)) != "]":
        if number:
            if sign != ",":
                raise CorpusError(place, f"no comma after value {number} of the array", "separate values by commas")
            text.take()
            text.skip(_BLANKS)
        number += 1
        yield text.value(f"{place}: value {number}")
    text.take()
    if text.skip(_BLANKS):
        raise CorpusError(place, "more text after the array", "give one array, or one object on each line")


class _Text:
    """The characters of a file that are not used yet."""

    def __init__(self, file: BinaryIO, place: str, most: int) -> None:
        self._file, self._place, self._most = file, place, most
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at = "", 0
        self._decoder = json.JSONDecoder(parse_constant=_refuse)

    def skip(self, characters: str) -> str:
        """Go to the next other character, and return it; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in characters:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self) -> None:
        """Go past one character."""
        self._at += 1

    def value(self, place: str) -> bytes:
        """The JSON value that begins here, as a line with an object."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
                # A number that ends with what was read may have more digits.
                if end < len(self._text) or not self._more():
                    break
            except (ValueError, RecursionError) as error:
                if not self._more():
                    raise CorpusError(
                        place, f"not JSON ({error})", "give a JSON array of strings or objects"
                    ) from error
        raw, self._at = self._text[self._at : end], end
        # Line ends stand between values alone: a string cannot hold one.
        line = raw.replace("\r", " ").replace("\n", " ")
        return (f'{{"text": {line}}}\n' if isinstance(value, str) else f"{line}\n").encode("utf-8", "surrogatepass")

    def _more(self) -> bool:
        """Read on, as much as is there already: so a long value is looked at only a few times."""
        rest = self._text[self._at :]
        if len(rest) >= self._most:
            raise too_large(self._place, "a value", self._most)
        more = self._file.read(max(_BLOCK, len(rest)))
        try:
            self._text, self._at = rest + self._utf8.decode(more, final=not more), 0
        except UnicodeDecodeError as error:
            raise _not_utf8(self._place, error) from error
        return bool(more)


def _comma_separated(file: BinaryIO, place: str, most: int) -> Iterator[bytes]:
    return _rows(file, place, most, ",")


def _tab_separated(file: BinaryIO, place: str, most: int) -> Iterator[bytes]:
    return _rows(file, place, most, "\t")


def _rows(file: BinaryIO, place: str, most: int, separator: str) -> Iterator[bytes]:
    """The rows of a table whose first row names the columns."""
    import csv  # not at the top: most inputs are no tables

    csv.field_size_limit(most)  # a text may be longer than the library's 131,072 characters
    text = (line.decode("utf-8" if number else "utf-8-sig") for number, line in enumerate(_lines(file, place, most)))
    # Strict, because a quote inside of a field that is not quoted would be dropped without a word.
    rows, written, before = csv.reader(text, delimiter=separator, strict=True), 0, 0
    try:
        names = next(rows, [])
        _check_names(names, place)
        before = rows.line_num
        for row in rows:
            if row:  # no blank line
                # A row that is too long becomes no object: a broken line, refused, skipped or recorded as asked.
                fits = len(row) <= len(names)
                record = dict(zip(names, row + [None] * (len(names) - len(row)))) if fits else row
                yield b"\n" * (before - written) + _line(record)
                written = before + 1
            before = rows.line_num
    except csv.Error as error:
        if "field limit" in str(error):
            raise too_large(f"{place}:{before + 1}", "a value", most) from error
        problem = f"not a table ({error})"
        raise CorpusError(f"{place}:{before + 1}", problem, "double quotes inside of quoted values") from error
    except UnicodeDecodeError as error:
        raise _not_utf8(place, error) from error


def _lines(file: BinaryIO, place: str, most: int) -> Iterator[bytes]:
    while line := file.readline(most):
        if len(line) == most and not line.endswith(b"\n"):
            raise too_large(place, "a line", most)
        yield line


def _check_names(names: list[str], place: str) -> None:
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise CorpusError(place, f"two columns are named {double!r}", "name each column once, in the first row")


def _parquet(file: BinaryIO, place: str, most: int) -> Iterator[bytes]:
    """The rows of a Parquet file; its row groups are in memory whole, whatever is in them."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        problem = "to read Parquet, the library 'pyarrow' is missing"
        raise UsageError(place, problem, "pip install 'nerve-ner[parquet]'") from None
    if not file.seekable():
        raise CorpusError(place, "Parquet is read from its end, and a pipe has none", "give the file by its name")
    try:
        for batch in ParquetFile(file).iter_batches(batch_size=_ROWS):
            for row in batch.to_pylist():
                yield _line(_plain(row))
    except (ArrowException, OSError) as error:
        raise CorpusError(place, f"not a Parquet file that can be read ({error})", "write it again") from error


def _plain(value: Any) -> Any:
    """The value as JSON has it: a number that is none becomes null, and dates and the like their usual text."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _line(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _not_utf8(place: str, error: UnicodeDecodeError) -> CorpusError:
    return CorpusError(place, f"byte {error.object[error.start]:#04x} is not UTF-8", "convert the file to UTF-8")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not in JSON")


CONVERTERS: dict[str, Callable[[BinaryIO, str, int], Iterator[bytes]]] = {
    "json": _array,
    "csv": _comma_separated,
    "tsv": _tab_separated,
    "parquet": _parquet,
}
