"""Lines -> items, for each format: text, lines, JSONL, words, CoNLL. A broken line becomes an item with its problem.

Every byte of an input is in one of its items, in order. The module does not know where lines come from.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from runtime.errors import CorpusError, NerveError, TextError
from runtime.tag.input.detect import Input
from runtime.tag.input.item import Item, place_of
from runtime.tag.input.jsonl import Content, Fields, content_of
from runtime.tag.input.source import too_large

if TYPE_CHECKING:
    from runtime.text.conll import Block

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# As in CoNLL: a no-break space may be part of a word.
_SPACE = re.compile(r"[ \t\r\n]+")
# White space that a word in a CoNLL column cannot hold.
_UNFIT = re.compile(r"[ \t\r\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The user's choices for reading.

    Attributes:
        fields: names of the fields in JSONL.
        word_column, gold_column: columns in CoNLL, counted from 1, or from the end with -1.
        gold: gold labels are needed, and an item without them is broken.
        most: largest number of bytes of a file that is one text.
    """

    fields: Fields = field(default_factory=Fields)
    word_column: int = 1
    gold_column: int = -1
    gold: bool = False
    most: int = sys.maxsize


@dataclass(frozen=True, slots=True)
class Start:
    """The place at which reading begins.

    Attributes:
        file: name of the input, for messages.
        source: number of the input, from 0.
        line: number of the first line.
        width: number of columns of the lines before it (only CoNLL); 0 where there are none.
        more: whether another input follows.
        tabs: whether tabs alone separate the columns of the input (only CoNLL).
        document: the document of the lines before it; "" where none is known (only CoNLL).
    """

    file: str
    source: int = 0
    line: int = 1
    width: int = 0
    more: bool = False
    tabs: bool = False
    document: str = ""


Reader = Callable[[Iterable[bytes], Start, Reading], Iterator[Item]]


def texts_as_items(texts: Iterable[str]) -> Iterator[Item]:
    """The texts of a command line as items, counted from 1."""
    for number, text in enumerate(texts, start=1):
        try:
            yield Item(file="", line=number, text=_from_argument(text, number))
        except NerveError as error:
            yield Item(file="", line=number, problem=error)


def _read_text(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    parts, size = [], 0
    for part in lines:
        parts.append(part)
        size += len(part)
        if size >= reading.most:
            raise too_large(start.file, "a text", reading.most)
    item = Item(file=start.file, line=0, source=start.source, raw=b"".join(parts))
    del parts
    try:
        yield replace(item, text=_decoded(item.raw, start.file, 1))
    except NerveError as error:
        yield replace(item, problem=error)


def _read_lines(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    return _line_by_line(lines, start, lambda line, place: Content(text=line))


def _read_words(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    return _line_by_line(lines, start, lambda line, place: Content("words", words=_words_of(line)))


def _objects(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    def parse(line: str, place: str) -> Content:
        return content_of(line, place, reading.fields, gold=reading.gold)

    return _line_by_line(lines, start, parse)


def _read_jsonl(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    # Blank lines at the end are nothing; one before an object is broken, because it holds none.
    blank: list[Item] = []
    for item in _objects(lines, start, reading):
        if not item.raw.strip():
            blank.append(item)
            continue
        yield from blank
        blank = []
        yield item
    yield from (replace(item, kind="filler", problem=None) for item in blank)


def _read_table(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    # Blank lines stand for what is no row. They go with the next row, so that every byte is some item's.
    blank = 0
    for item in _objects(lines, start, reading):
        if item.raw == b"\n":
            blank += 1
            continue
        yield replace(item, raw=b"\n" * blank + item.raw)
        blank = 0


def _words_of(line: str) -> tuple[str, ...]:
    return tuple(filter(None, _SPACE.split(line)))


def _read_conllu(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    # FORM is the second of CoNLL-U's columns.
    column = reading.word_column if reading.word_column != 1 else 2
    return _read_columns(lines, replace(start, tabs=True), replace(reading, word_column=column), numbered=True)


def _read_conll(lines: Iterable[bytes], start: Start, reading: Reading) -> Iterator[Item]:
    return _read_columns(lines, start, reading, numbered=False)


def _read_columns(lines: Iterable[bytes], start: Start, reading: Reading, *, numbered: bool) -> Iterator[Item]:
    # Not at the top: its import would delay the answer to a single sentence, which is no CoNLL.
    from runtime.text.conll import Columns, read_blocks

    # Every column that is used must be there; without gold labels, the word's alone is used.
    fewest = max(abs(reading.word_column), *((2, abs(reading.gold_column)) if reading.gold else (1,)))
    columns = Columns(tabs=start.tabs, fewest=fewest, words_first=reading.word_column == 1, numbered=numbered)
    blocks = read_blocks(lines, start.file, columns, first=start.line, width=start.width)
    # One block late, because only the last one of an input gets a gap.
    before: Item | None = None
    documents = int(start.document.partition("+")[0] or 0)
    for block in blocks:
        if before:
            yield before
        before = _item_of_block(block, start, reading)
        documents += _begins_document(before.raw)
        before = replace(before, document=str(documents)) if documents else before
    if before:
        yield replace(before, gap=_gap(before.raw)) if start.more else before


READERS: dict[Input, Reader] = {
    "text": _read_text,
    "lines": _read_lines,
    "jsonl": _read_jsonl,
    "json": _read_jsonl,
    "csv": _read_table,
    "tsv": _read_table,
    "parquet": _read_jsonl,
    "words": _read_words,
    "conll": _read_conll,
    "conllu": _read_conllu,
}


def _line_by_line(lines: Iterable[bytes], start: Start, parse: Callable[[str, str], Content]) -> Iterator[Item]:
    for number, raw in enumerate(lines, start=start.line):
        content, problem = Content(), None
        try:
            line = _decoded(raw, start.file, number).removesuffix("\n").removesuffix("\r")
            place = place_of(start.file, number)
            content = parse(line, place)
        except NerveError as error:
            content, problem = Content(), error
        yield Item(
            file=start.file,
            line=number,
            source=start.source,
            raw=raw,
            kind=content.kind,
            text=content.text,
            words=content.words,
            gold=content.gold,
            answer=content.answer,
            document=content.document,
            problem=problem,
        )


def _item_of_block(block: Block, start: Start, reading: Reading) -> Item:
    item = Item(
        file=start.file,
        line=block.line + (block.rows[0] if block.rows else 0),
        source=start.source,
        raw=b"".join(block.lines),
        kind="words" if block.rows else "filler",
        rows=tuple(block.rows),
        tabs=start.tabs,
        problem=block.problem,
        # Of a broken sentence, too: its whole rows may be the first that say how many columns the file has.
        width=block.width,
    )
    if block.problem or not block.rows:
        return item
    word, gold = (column - (column > 0) for column in (reading.word_column, reading.gold_column))
    words = tuple(columns[word] for columns in block.columns)
    labels = tuple(columns[gold] for columns in block.columns) if reading.gold else ()
    return replace(item, words=words, gold=labels)


def _begins_document(raw: bytes) -> bool:
    """Whether a document begins in these lines, by the mark of CoNLL or of CoNLL-U."""
    # Nearly no block has one, and looking for it in all of a block's bytes at once takes no time.
    if b"-DOCSTART-" not in raw and b"# newdoc" not in raw:
        return False
    return any(
        line.startswith((b"-DOCSTART-", b"# newdoc")) for line in raw.removeprefix(_BYTE_ORDER_MARK).split(b"\n")
    )


def _gap(raw: bytes) -> bytes:
    """The line ends that keep the next input's first sentence apart from the last lines of this one."""
    if not raw.endswith(b"\n"):
        return b"\n\n"
    last = raw[raw.rfind(b"\n", 0, -1) + 1 :]
    return b"\n" if last.strip() else b""


def _decoded(raw: bytes, file: str, number: int) -> str:
    """A line, or a whole file, as characters; without the byte order mark that some programs begin a file with.

    Raises:
        TextError: it is not UTF-8; the error names the line of the first wrong byte.
    """
    try:
        return (raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw).decode("utf-8")
    except UnicodeDecodeError as error:
        line = number + error.object.count(b"\n", 0, error.start)
        problem = f"byte {error.object[error.start]:#04x} is not UTF-8"
        raise TextError(number, problem, "convert the text to UTF-8", place=place_of(file, line)) from error


def _from_argument(text: str, number: int) -> str:
    # Python gives bytes of an argument that are not UTF-8 as halves of surrogate pairs (PEP 383).
    if any("\udc80" <= character <= "\udcff" for character in text):
        raise TextError(number, "the text is not UTF-8", "convert it to UTF-8")
    return text


def conll_able(item: Item) -> Item:
    """The item; with a problem where one of its words has white space, which a CoNLL column cannot hold."""
    # Words that came from CoNLL have their column already, and no reader gives an empty word.
    bad = "" if item.rows else next((word for word in item.words if _UNFIT.search(word)), "")
    if not bad:
        return item
    problem = f"the word {bad!r} has white space in it, which CoNLL cannot write"
    return replace(item, problem=CorpusError(item.place, problem, "choose --to jsonl, or fix the word"))
