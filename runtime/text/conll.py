"""CoNLL text: each line has a word and its columns, and a blank line follows each sentence.

    read_blocks     lines as bytes -> blocks that keep every byte, for files that are written again with a column more
    read_conll      a file -> sentences, each with its words and labels, for training and measuring
    labeled_blocks  a file -> blocks, where document marks are needed, too
    write_conll     sentences -> a file of two columns

The word is the first column and its label the last, as in CoNLL-2003 (four columns) and in formats of two columns.
Spaces and tabs separate columns; where tabs do in all lines, they alone do, and a word may hold spaces. A no-break
space is part of a word. A line that begins with # is a comment, unless it has as many columns as the other lines and
reads like a word: inside a sentence, or with a label at its end, as in "#tag O" and "# NN I-NP O". A comment such as
"# id = S-2" has "=" between its ends, which no word has.
In CoNLL-U the first column numbers the words; a range (1-2) or an empty node (5.1) is a line without a word.
The module does not know models, or which labels a model has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import CorpusError, storage_error

DOCUMENT_START = "-DOCSTART-"
_COMMENT = "#"
# What any reader may split at.
_WHITE_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
# Not \s, which takes the no-break space, too.
_SEPARATOR = re.compile(r"[ \t]+")
_TABS = re.compile(r"(?<! ) *+\t[ \t]*")  # from the first blank of a run alone: linear time
_WORD_NUMBER = re.compile(r"[0-9]+")
_LABEL = re.compile(r"O|[BIESLUM]-\S+")
_BYTE_ORDER_MARK = "\ufeff"
# Words after which a sentence is none: its file has no blank lines. Whole articles are shorter.
MOST_WORDS = 5_000
# Lines that a sentence with its comments may have; they are in memory together, and a broken one is written again.
MOST_LINES = 100_000
# Words as above, for a file that holds no other sentence.
_MOST_ALONE = 256
# Bytes of a file whose lines show what separates its columns.
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of a sentence and a label for each; there is at least one word."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What is known about the columns of a file.

    Attributes:
        tabs: tabs alone separate them; see tabs_separate.
        fewest: smallest number of columns that a word's line must have.
        words_first: the word is the first column, so that a word may be "#".
        numbered: the first column numbers the words, as in CoNLL-U.
    """

    tabs: bool = False
    fewest: int = 1
    words_first: bool = True
    numbered: bool = False

    def of(self, line: str) -> tuple[str, ...]:
        """The columns of a line without its line end; a blank line is one empty column."""
        return tuple((_TABS if self.tabs else _SEPARATOR).split(line.strip(" \t\r\n")))


@dataclass(slots=True)
class Block:
    """Neighboring lines with at most one sentence among them. All blocks together hold every line of the file.

    Attributes:
        line: number of the first line, from 1.
        lines: the lines as they were read, with their line ends.
        rows: indices into `lines` of the lines that hold a word.
        columns: the columns of each of these rows; none for a row that has an error.
        problem: the first error in the sentence; None where it has none.
        width: number of columns of the file's rows up to its end; 0 where there are none yet.
    """

    line: int
    lines: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    columns: list[tuple[str, ...]] = field(default_factory=list)
    problem: CorpusError | None = None
    width: int = 0


def read_blocks(
    lines: Iterable[bytes], place: str, columns: Columns, *, first: int = 1, width: int = 0
) -> Iterator[Block]:
    """The blocks of a CoNLL file, one at a time. A sentence's block ends with the blank line after it.

    Args:
        lines: the lines, with their line ends.
        place: the file's name, for messages.
        columns: what is known about the file's columns.
        first: number of the first of these lines.
        width: number of columns of the lines before; 0 where there are none.

    Raises:
        CorpusError: MOST_LINES lines without a blank one.
    """
    block = Block(first, width=width)
    for number, raw in enumerate(lines, start=first):
        line, problem = _decoded(raw, place, number)
        found = columns.of(line)
        if found[0] == DOCUMENT_START and block.rows:
            # Some corpora leave out the blank line before a document; its mark ends the sentence all the same.
            yield block
            block = Block(number, width=width)
        if len(block.lines) == MOST_LINES:
            raise _no_blank_lines(place, block.line, f"over {MOST_LINES:,} lines")
        block.lines.append(raw)
        if found[0] == "":
            yield block
            block = Block(number + 1, width=width)
        elif found[0] != DOCUMENT_START and not _is_comment(found, columns, width, inside=bool(block.rows)):
            if columns.numbered and not problem and not _WORD_NUMBER.fullmatch(found[0]):
                continue
            if not problem and not columns.fewest <= len(found) == (width or len(found)):
                problem = _column_error(place, number, len(found), width, columns.fewest)
            # The first row without an error sets the number of columns for the whole file.
            width = width or (0 if problem else len(found))
            if len(block.rows) == MOST_WORDS:
                problem = problem or _no_blank_lines(place, block.line + block.rows[0], f"over {MOST_WORDS:,} words")
            block.problem, block.width = block.problem or problem, width
            block.rows.append(len(block.lines) - 1)
            block.columns.append(found if not problem else ())
    if block.lines:
        yield block


def tabs_separate(lines: Iterable[bytes]) -> bool:
    """Whether tabs alone separate the columns: each word's line has a tab, and spaces separate nothing.

    Args:
        lines: the first lines of a file.
    """
    rows = [line.decode("utf-8", "replace").strip(" \t\r\n") for line in lines]
    rows = [row for row in rows if row and not row.startswith((_COMMENT, DOCUMENT_START, _BYTE_ORDER_MARK + _COMMENT))]
    if not rows or not all("\t" in row for row in rows):
        return False
    by_tabs, by_both = ({len(pattern.split(row)) for row in rows} for pattern in (_TABS, _SEPARATOR))
    # A file that has as many spaces in each of its lines uses both: "Oslo NNP", a tab, "B-LOC".
    return len(by_both) > 1 or by_tabs == by_both


def read_conll(path: Path) -> Iterator[Sentence]:
    """The sentences of a CoNLL file, one at a time, without document marks and comments.

    Raises:
        CorpusError: the file cannot be opened; a line is not UTF-8, has a single column, or has another number of
            columns than the first line; or there is no blank line between sentences. The subject is file:line.
    """
    return (sentence for _, sentence in read_conll_numbered(path))


def read_conll_numbered(path: Path) -> Iterator[tuple[int, Sentence]]:
    """The same, each sentence with the number of its first word's line, from 1. Its other words follow line by line."""
    line, size, count = 0, 0, 0
    for block in labeled_blocks(path):
        if block.rows:
            words, labels = (tuple(columns[index] for columns in block.columns) for index in (0, -1))
            line, size, count = block.line + block.rows[0], len(words), count + 1
            yield line, Sentence(words, labels)
    if count == 1 and size > _MOST_ALONE:
        raise _no_blank_lines(str(path), line, f"{size:,} words")


def labeled_blocks(path: Path) -> Iterator[Block]:
    """The blocks of a CoNLL file in which each word has a label. Errors: see read_conll."""
    columns = Columns(tabs=tabs_separate(_first_lines(path)), fewest=2)
    for block in read_blocks(_lines(path), str(path), columns):
        if block.problem:
            raise block.problem
        yield block


def _no_blank_lines(place: str, line: int, size: str) -> CorpusError:
    problem = f"a sentence of {size}, as if the file had no blank lines"
    return CorpusError(f"{place}:{line}", problem, "put a blank line after each sentence")


def column_of(label: str) -> str:
    """A label as one column: white space would make it two, or a line of its own; none at all would make it none."""
    return _WHITE_SPACE.sub("_", label) or "O"


def write_conll(sentences: Iterable[Sentence], path: Path) -> None:
    """Write sentences to a file: two columns, word and label, and a blank line after each sentence.

    Raises:
        StorageError: no permission, no space, or no such folder.
    """
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for sentence in sentences:
                file.writelines(
                    f"{word} {column_of(label)}\n" for word, label in zip(sentence.words, sentence.labels, strict=True)
                )
                file.write("\n")
    except OSError as error:
        raise storage_error(error) from error


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file as bytes: only \\n ends a line, where str.splitlines would also end one at U+2028."""
    try:
        if path.exists() and not path.is_file():  # a pipe may wait forever, and is empty when it is read again
            raise CorpusError(str(path), "it is no regular file", "give a CoNLL file that can be read")
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise CorpusError(str(path), error.strerror or str(error), "give a CoNLL file that can be read") from error


def _decoded(raw: bytes, place: str, number: int) -> tuple[str, CorpusError | None]:
    """A line as characters, and its error; a value and no exception, because the block must keep the line."""
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"byte {raw[error.start]:#04x} is not UTF-8"
        return raw.decode("utf-8", "replace"), CorpusError(f"{place}:{number}", problem, "save the file as UTF-8")
    return line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line, None


def _first_lines(path: Path) -> list[bytes]:
    """The first lines of a file, all of them whole."""
    lines, size = [], 0
    for line in _lines(path):
        lines.append(line)
        size += len(line)
        if size >= _HEAD:
            break
    return lines


def _is_comment(found: tuple[str, ...], columns: Columns, width: int, *, inside: bool) -> bool:
    if not found[0].startswith(_COMMENT):
        return False
    if not columns.words_first or columns.numbered:
        return True
    if len(found) == 1:
        # A file of one column holds words alone, and "#" may be one of them.
        return not (inside and width == 1)
    if len(found) != (width or len(found)) or "=" in found[1:-1]:
        return True
    # Hashtags are words, and comments of more than one column are common ("# part B-2"). "#" alone begins no entity.
    return not (inside or found[-1] == "O" or (found[0] != _COMMENT and _LABEL.fullmatch(found[-1])))


def _column_error(place: str, number: int, found: int, width: int, fewest: int) -> CorpusError:
    expected = f"as many columns as the lines before it ({width})" if width >= fewest and width else ""
    expected = expected or ("a word and a label at least" if fewest == 2 else f"{fewest} at least")
    columns = "1 column" if found == 1 else f"{found} columns"
    return CorpusError(
        f"{place}:{number}", f"{columns} where {expected} should be", "fix the line, or remove its sentence"
    )
