"""Formats of inputs and outputs: by the end of a file's name, or else by the first bytes of an input.

What is not recognized is refused. The module does not know how a format is read or written.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Literal

from runtime.errors import CorpusError
from runtime.tag.compression import without_suffix
from runtime.tag.input.source import Source

Input = Literal["text", "lines", "jsonl", "json", "csv", "tsv", "parquet", "words", "conll", "conllu"]
Output = Literal["jsonl", "conll", "color", "html"]
WITH_FIELDS = ("jsonl", "json", "csv", "tsv", "parquet")
"""Formats whose records have fields by name; all of them are read as JSONL."""
WITH_COLUMNS = ("conll", "conllu")
"""Formats with a word on each line."""

_BY_SUFFIX: dict[str, Input] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".conll": "conll",
    ".conllu": "conllu",
    ".bio": "conll",
    ".iob": "conll",
    ".iob2": "conll",
}
_TO_BY_SUFFIX: dict[str, Output] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".conll": "conll",
    ".conllu": "conll",
    ".bio": "conll",
    ".html": "html",
    ".htm": "html",
}
# Bytes that are looked at: dozens of sentences of a corpus, which show its format as well as the whole file does.
HEAD = 1 << 16
# One repetition before the label: with two, a line of 64 KiB with many blanks took five seconds.
_CONLL_LINE = re.compile(rb"-DOCSTART-.*|\S.*[ \t](O|[BIESLUM]-\S+)\s*")
_CONLLU_LINE = re.compile(rb"\d+([-.]\d+)?\t([^\t]+\t){8}[^\t]+")
_ARRAY = re.compile(rb"\s*\[\s*([{\"\]]|$)")
# Files that hold no plain text, by their first bytes (Wikipedia's list of file signatures).
_BINARY = {
    b"%PDF": "PDF",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"{\\rtf": "RTF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_MARKUP = frozenset({".html", ".htm", ".xhtml", ".xml", ".svg"})
# How XML and HTML begin, by their specifications; a pipe has no name that would tell.
_MARKUP_HEAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml\s|!doctype\s+html|html[\s>])", re.IGNORECASE)


def input_format(source: Source) -> Input:
    """The format of an input: by its name, or else by its first bytes, which of a pipe are those that are there.

    Text that looks like nothing else is lines, and so is what is typed at a terminal.

    Raises:
        CorpusError: it is no text, or of a format that is not read.
    """
    suffix = _suffix(source.name)
    by_name = _BY_SUFFIX.get(suffix)
    if by_name:
        return by_name
    head = source.head(HEAD)
    if head.startswith(b"PAR1"):
        return "parquet"
    _refuse_unknown(source.file, suffix, head)
    return _by_content(source.file, suffix, head)


def whole_lines(head: bytes) -> list[bytes]:
    """The lines of a look at an input. The last may be cut off, and counts only where it is the only one."""
    lines = head.split(b"\n")
    return lines[:-1] or lines


def _by_content(place: str, suffix: str, head: bytes) -> Input:
    sample = [line for line in whole_lines(head.removeprefix(b"\xef\xbb\xbf")) if line.strip()]
    if sample and all(line.lstrip(b" \t").startswith(b"{") for line in sample) and sample[0].strip() != b"{":
        return "jsonl"
    if sample and _ARRAY.match(sample[0]):
        return "json"
    if suffix == ".json" or (sample and sample[0].strip() == b"{"):
        problem = "neither a JSON array nor an object on each line"
        raise CorpusError(place, problem, "write it as one of the two, or say --format")
    rows = [line for line in sample if not line.startswith(b"#")]
    if rows and all(_CONLLU_LINE.fullmatch(line.rstrip(b"\r")) for line in rows):
        return "conllu"
    if _is_conll(rows):
        return "conll"
    return "tsv" if suffix == ".tsv" else "lines"


def _is_conll(rows: list[bytes]) -> bool:
    if not rows or not all(_CONLL_LINE.fullmatch(line) for line in rows):
        return False
    # One line that ends like a label may be a text, such as one about vitamin B-12.
    return len(rows) > 1 or b"\t" in rows[0] or rows[0].startswith(b"-DOCSTART-")


def _refuse_unknown(place: str, suffix: str, head: bytes) -> None:
    known = next((name for magic, name in _BINARY.items() if head.startswith(magic)), "")
    if known:
        fix = "convert it to UTF-8" if known == "UTF-16" else "take the text out of it"
        raise CorpusError(place, f"it is {known}, which is not read", fix)
    if b"\0" in head:
        raise CorpusError(place, "it holds bytes that no text has (NUL)", "give a text, or say --format")
    if suffix in _MARKUP or _MARKUP_HEAD.match(head):
        problem = "markup, whose tags would be read as text"
        raise CorpusError(place, problem, "take the text out of it, or say --format lines or text")


def output_format(name: str, inputs: list[Input]) -> Output:
    """The format of an output: by its name, or else CoNLL if all inputs are CoNLL, or else JSONL."""
    by_name = _TO_BY_SUFFIX.get(_suffix(name))
    if by_name:
        return by_name
    return "conll" if inputs and all(kind in WITH_COLUMNS for kind in inputs) else "jsonl"


def _suffix(name: str) -> str:
    return PurePath(without_suffix(name)).suffix.lower()
