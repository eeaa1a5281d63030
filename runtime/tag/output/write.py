"""Items and answers -> bytes: JSONL and CoNLL, and where to find the others. It knows nothing of files.

A writer gives the bytes before the first item, of each item, of each item that could not be tagged, and after the last.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

from runtime.tag.input.detect import Output
from runtime.tag.input.item import Item, as_words, utf8
from runtime.text.answer import Answer
from runtime.text.entity import Entity

# Decimal places of a score; a float32 close to 1 has no more than seven.
SCORE_PLACES = 6
_LAST_SEPARATOR = re.compile(rb"[ \t]+(?=[^ \t]+$)")


class Writer(Protocol):
    """Bytes of an output, one part after another."""

    def head(self) -> bytes: ...
    def entry(self, item: Item, answer: Answer) -> bytes: ...
    def broken(self, item: Item) -> bytes: ...
    def tail(self) -> bytes: ...


def open_writer(kind: Output, labels: Sequence[str]) -> Writer:
    """The writer of that format.

    Args:
        kind: the format.
        labels: entity types that the model knows, for formats that give each a colour.
    """
    if kind == "jsonl":
        return Jsonl()
    if kind == "conll":
        return Conll()
    if kind == "color":
        from runtime.tag.output.terminal import Terminal

        return Terminal(labels)
    from runtime.tag.output.html_page import Page

    return Page(labels)


class Jsonl:
    """One JSON object a line: the input's own with the answer added to it, or {"text", "entities"} or {"words",
    "labels"}; {"error", "file", "line"} for what could not be tagged.
    """

    def head(self) -> bytes:
        """See Writer."""
        return b""

    def entry(self, item: Item, answer: Answer) -> bytes:
        """See Writer."""
        if item.is_filler:
            return b""
        name, found = ("labels", list(answer.labels)) if item.words else ("entities", _entities(answer.entities))
        if item.answer:
            # The line itself with one field more: numbers, escapes and order stay as they were written.
            line = item.raw.removeprefix(b"\xef\xbb\xbf").strip().removesuffix(b"}").rstrip()
            return line + b", " + _json(item.answer) + b": " + _json(found) + b"}\n"
        if item.words:
            return _json({"words": item.words, name: found}) + b"\n"
        return _json({"text": item.text, name: found}) + b"\n"

    def broken(self, item: Item) -> bytes:
        """See Writer."""
        return _json({"error": str(item.problem), "file": item.file, "line": item.line}) + b"\n"

    def tail(self) -> bytes:
        """See Writer."""
        return b""


class Conll:
    """The lines of a CoNLL input with a last column more, or a word and its label a line.

    What could not be tagged is an untouched copy of a CoNLL input, and else a comment.
    """

    def head(self) -> bytes:
        """See Writer."""
        return b""

    def entry(self, item: Item, answer: Answer) -> bytes:
        """See Writer."""
        if item.rows or item.is_filler:
            return _with_column(item, answer.labels) + item.gap
        words, labels = as_words(item, answer)
        rows = "".join(f"{word} {label}\n" for word, label in zip(words, labels, strict=True))
        return utf8(rows + "\n")

    def broken(self, item: Item) -> bytes:
        """See Writer."""
        return item.raw + item.gap if item.rows else utf8(f"# {item.problem}\n\n")

    def tail(self) -> bytes:
        """See Writer."""
        return b""


def _with_column(item: Item, labels: Sequence[str]) -> bytes:
    lines = io.BytesIO(item.raw).readlines()
    for row, label in zip(item.rows, labels, strict=True):
        line = lines[row].rstrip(b"\r\n")
        end = lines[row][len(line) :]
        separator = _LAST_SEPARATOR.search(line)
        # A line that ends in a separator has it already.
        between = b"" if line.endswith((b" ", b"\t")) else separator[0] if separator else b" "
        lines[row] = line + between + label.encode() + end
    return b"".join(lines)


def _entities(entities: Sequence[Entity]) -> list[dict[str, Any]]:
    return [
        {
            "label": entity.label,
            "text": entity.text,
            "start": entity.start,
            "end": entity.end,
            "score": round(entity.score, SCORE_PLACES),
        }
        for entity in entities
    ]


def _json(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can spell and UTF-8 cannot.
        return json.dumps(value).encode("ascii")
