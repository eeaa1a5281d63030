"""Formats of inputs and outputs: by the end of a file's name, or else by the first lines of an input.

The module does not know how a format is read or written.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Literal

from runtime.tag.input.source import GZIP, Source

Input = Literal["text", "lines", "jsonl", "words", "conll"]
Output = Literal["jsonl", "conll", "color", "html"]

_BY_SUFFIX: dict[str, Input] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".conll": "conll",
    ".conllu": "conll",
    ".bio": "conll",
    ".iob": "conll",
    ".iob2": "conll",
}
_TO_BY_SUFFIX: dict[str, Output] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".conll": "conll",
    ".bio": "conll",
    ".html": "html",
    ".htm": "html",
}
# Bytes that are looked at: dozens of sentences of a corpus, which show its format as well as the whole file does.
_HEAD = 1 << 16
_CONLL_LINE = re.compile(rb"-DOCSTART-.*|\S+[ \t](.*[ \t])?(O|[BIESLUM]-\S+)\s*")


def input_format(source: Source) -> Input:
    """The format of an input: by its name, or else CoNLL or JSONL if all first lines look like it, or else lines.

    Standard input and pipes are lines, because they can be read only once.
    """
    by_name = _BY_SUFFIX.get(_suffix(source.name))
    if by_name:
        return by_name
    # The last line may be cut off in the middle. It counts only where it is the only one.
    lines = source.head(_HEAD).split(b"\n")
    sample = [line for line in lines[:-1] or lines if line.strip()]
    if sample and all(line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") for line in sample):
        return "jsonl"
    rows = [line for line in sample if not line.startswith(b"#")]
    if rows and all(_CONLL_LINE.fullmatch(line) for line in rows):
        return "conll"
    return "lines"


def output_format(name: str, inputs: list[Input]) -> Output:
    """The format of an output: by its name, or else CoNLL if all inputs are CoNLL, or else JSONL."""
    by_name = _TO_BY_SUFFIX.get(_suffix(name))
    if by_name:
        return by_name
    return "conll" if inputs and set(inputs) == {"conll"} else "jsonl"


def _suffix(name: str) -> str:
    return PurePath(name.removesuffix(GZIP)).suffix.lower()
