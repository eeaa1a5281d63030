"""Writers: items and their answers -> bytes. JSONL and CoNLL are here; open_writer finds the others.

The module does not know files.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from runtime.tag.input.detect import Output
from runtime.tag.input.item import Item, as_words, labeled_words, utf8
from runtime.text.answer import Answer
from runtime.text.conll import column_of
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

# Decimal places of a score: a float32 close to 1 has about seven.
SCORE_PLACES = 6
# Code points of a long text that are encoded at once.
_SLICE = 1 << 20
# From the first blank of a run alone: from each of them, long runs would take quadratic time.
_LAST_SEPARATOR = re.compile(rb"(?<![ \t])[ \t]++(?=[^ \t]+$)")
_LAST_TAB = re.compile(rb"\t(?=[^\t]*$)")


class Writer(Protocol):
    """Gives the bytes of an output, one part after another."""

    def head(self) -> bytes:
        """The bytes before the first item."""
        ...

    def entry(self, item: Item, answer: Answer) -> bytes:
        """The bytes of an item with its answer."""
        ...

    def long(self, item: Item, entities: Iterable[Entity]) -> Iterator[bytes]:
        """The same bytes for an item that is a long text, part by part, as its entities are found."""
        ...

    def broken(self, item: Item) -> bytes:
        """The bytes of an item that has a problem."""
        ...

    def tail(self) -> bytes:
        """The bytes after the last item."""
        ...


def open_writer(kind: Output, labels: LabelSet) -> Writer:
    """The writer of a format.

    Args:
        kind: the format.
        labels: the model's, for formats with a color for each entity type.
    """
    if kind == "jsonl":
        return Jsonl()
    if kind == "conll":
        return Conll()
    # Imported where they are needed: most outputs are JSONL.
    if kind == "color":
        from runtime.tag.output.terminal import Terminal

        return Terminal(labels)
    from runtime.tag.output.html_page import Page

    return Page(labels)


class Jsonl:
    """JSONL: one JSON object on each line.

    An input that was JSONL keeps its objects, with the answer as one more field. Other inputs give {"text", "entities"}
    or {"words", "labels"}. A broken item gives {"error", "file", "line"}.
    """

    def head(self) -> bytes:
        """See Writer."""
        return b""

    def entry(self, item: Item, answer: Answer) -> bytes:
        """See Writer."""
        if item.is_filler:
            return b""
        name, value = (
            ("labels", list(answer.labels)) if item.kind == "words" else ("entities", _entities(answer.entities))
        )
        if item.answer:
            return _opened(item) + _json(value) + b"}\n"
        if item.kind == "words":
            return _json({"words": item.words, name: value}) + b"\n"
        return _json({"text": item.text, name: value}) + b"\n"

    def long(self, item: Item, entities: Iterable[Entity]) -> Iterator[bytes]:
        """See Writer."""
        if item.answer:
            yield _opened(item) + b"["
        else:
            yield b'{"text": "'
            yield from (_json(item.text[at : at + _SLICE])[1:-1] for at in range(0, len(item.text), _SLICE))
            yield b'", "entities": ['
        between = b""
        for entity in entities:
            yield between + _json(_fields(entity))
            between = b", "
        yield b"]}\n"

    def broken(self, item: Item) -> bytes:
        """See Writer."""
        return _json({"error": str(item.problem), "file": item.file, "line": item.line}) + b"\n"

    def tail(self) -> bytes:
        """See Writer."""
        return b""


class Conll:
    """CoNLL: the lines of a CoNLL input with one more column at the end; for other inputs, a word and its label a line.

    A broken item is an unchanged copy of the lines of a CoNLL input; for other inputs it is a comment.
    """

    def head(self) -> bytes:
        """See Writer."""
        return b""

    def entry(self, item: Item, answer: Answer) -> bytes:
        """See Writer."""
        if item.rows or item.is_filler:
            return _with_column(item, answer.labels) + item.gap
        words, labels = as_words(item, answer)
        rows = "".join(f"{word} {column_of(label)}\n" for word, label in zip(words, labels, strict=True))
        return utf8(rows + "\n")

    def long(self, item: Item, entities: Iterable[Entity]) -> Iterator[bytes]:
        """See Writer."""
        for word, label in labeled_words(item.text, entities):
            yield utf8(f"{word} {column_of(label)}\n")
        yield b"\n"

    def broken(self, item: Item) -> bytes:
        """See Writer."""
        return item.raw + item.gap if item.rows else utf8(f"# {item.problem}\n\n")

    def tail(self) -> bytes:
        """See Writer."""
        return b""


def _with_column(item: Item, labels: Sequence[str]) -> bytes:
    """The item's lines with a label at the end of each word's line."""
    lines = io.BytesIO(item.raw).readlines()
    for row, label in zip(item.rows, labels, strict=True):
        line = lines[row].rstrip(b"\r\n")
        end = lines[row][len(line) :]
        # Each line's own separator, so that a file with tabs stays one; a line that ends in a separator has it already.
        separator = (_LAST_TAB if item.tabs else _LAST_SEPARATOR).search(line)
        between = b"" if line.endswith((b" ", b"\t")) else separator[0] if separator else b" "
        lines[row] = line + between + utf8(column_of(label)) + end
    return b"".join(lines)


def _opened(item: Item) -> bytes:
    """The bytes of a line of JSONL up to the value of the field for the answer.

    They are the line's, and not those of the parsed object: so numbers, escapes and the order of fields stay as they
    were written.
    """
    line = item.raw.removeprefix(b"\xef\xbb\xbf").strip().removesuffix(b"}").rstrip()
    return line + b", " + _json(item.answer) + b": "


def _entities(entities: Sequence[Entity]) -> list[dict[str, Any]]:
    return [_fields(entity) for entity in entities]


def _fields(entity: Entity) -> dict[str, Any]:
    return {
        "label": entity.label,
        "text": entity.text,
        "start": entity.start,
        "end": entity.end,
        "score": round(entity.score, SCORE_PLACES),
    }


def _json(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        # Half of a surrogate pair: UTF-8 cannot write it, and JSON's escapes can.
        return json.dumps(value).encode("ascii")
