"""Which format an input has and an output wants: by the name's end, then by the first lines. It reads no further."""

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
# Enough for a sentence or two of a corpus; a longer look would find nothing that these do not show.
_HEAD = 1 << 16
_CONLL_LINE = re.compile(rb"-DOCSTART-.*|\S+[ \t](.*[ \t])?(O|[BIESLUM]-\S+)\s*")


def input_format(source: Source) -> Input:
    """The format of an input: by its name, else CoNLL or JSONL if its first lines all look so, else lines.

    Standard input and pipes, which can be read only once, are lines.
    """
    by_name = _BY_SUFFIX.get(_suffix(source.name))
    if by_name:
        return by_name
    # The last line may be cut in the middle, unless it is the only one.
    lines = source.head(_HEAD).split(b"\n")
    sample = [line for line in lines[:-1] or lines if line.strip()]
    if sample and all(line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") for line in sample):
        return "jsonl"
    rows = [line for line in sample if not line.startswith(b"#")]
    if rows and all(_CONLL_LINE.fullmatch(line) for line in rows):
        return "conll"
    return "lines"


def output_format(name: str, inputs: list[Input]) -> Output:
    """The format of an output: by its name, else CoNLL if all inputs are, else JSONL."""
    by_name = _TO_BY_SUFFIX.get(_suffix(name))
    if by_name:
        return by_name
    return "conll" if inputs and set(inputs) == {"conll"} else "jsonl"


def _suffix(name: str) -> str:
    return PurePath(name.removesuffix(GZIP)).suffix.lower()
