"""CoNLL text: one word a line with its columns, a blank line between sentences.

    read_blocks     bytes of lines -> blocks that hold every byte of them: for files that are to be given back
    read_conll      a file -> sentences: words and labels alone, for training and measuring

The word is the first column, its label the last, as in CoNLL-2003 (four columns) and its two-column descendants.
Columns are separated by spaces or tabs and by nothing else: a no-break space may stand inside a word.
A line that begins with # is a comment, unless it has as many columns as the others and stands inside a sentence, or
ends in a label: "#tag O" and "# NN I-NP O" are words. It knows nothing of models; labels are checked for being
labels, not for being known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import CorpusError, storage_error

DOCUMENT_START = "-DOCSTART-"
_COMMENT = "#"
_SEPARATOR = re.compile(r"[ \t]+")
_LABEL = re.compile(r"O|[BIESLUM]-\S+")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and their labels, of equal length and at least one."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(slots=True)
class Block:
    """Lines that follow each other, with at most one sentence among them. All blocks of a file are the whole file.

    Attributes:
        line: number of the first line, from 1.
        lines: as they were read, line ends included.
        rows: which of `lines` hold a word.
        columns: of each row.
        problem: the first thing that is wrong with the sentence, or None. A row that is not UTF-8 has no columns.
    """

    line: int
    lines: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    columns: list[tuple[str, ...]] = field(default_factory=list)
    problem: CorpusError | None = None


def read_blocks(
    lines: Iterable[bytes], place: str, *, first: int = 1, width: int = 0, fewest: int = 1
) -> Iterator[Block]:
    """Blocks of a CoNLL file, one at a time. A sentence's block ends with the blank line after it.

    Args:
        lines: with their line ends.
        place: the file's name, for messages.
        first: number of the first line given.
        width: columns of the lines before it; 0 where there are none.
        fewest: columns that a word's line must have.
    """
    block = Block(first)
    for number, raw in enumerate(lines, start=first):
        line, problem = _decoded(raw, place, number)
        columns = tuple(_SEPARATOR.split(line.strip(" \t\r\n")))
        if columns[0] == DOCUMENT_START and block.rows:
            yield block
            block = Block(number)
        block.lines.append(raw)
        if columns[0] == "":
            yield block
            block = Block(number + 1)
        elif columns[0] != DOCUMENT_START and not _is_comment(columns, width, inside=bool(block.rows)):
            if not problem and not fewest <= len(columns) == (width or len(columns)):
                problem = _column_error(place, number, len(columns), width, fewest)
            width = width or (0 if problem else len(columns))
            block.problem = block.problem or problem
            block.rows.append(len(block.lines) - 1)
            block.columns.append(columns if not problem else ())
    if block.lines:
        yield block


def read_conll(path: Path) -> Iterator[Sentence]:
    """Sentences of a CoNLL file, one at a time; document marks and comments are passed over.

    Raises:
        CorpusError: the file cannot be opened, or a line is not UTF-8, has one column, or another number of columns
            than the first; it names file:line.
    """
    return (sentence for _, sentence in read_conll_numbered(path))


def read_conll_numbered(path: Path) -> Iterator[tuple[int, Sentence]]:
    """As read_conll, each sentence with the line of its first word, from 1; its words stand on lines that follow."""
    for block in read_blocks(_lines(path), str(path), fewest=2):
        if block.problem:
            raise block.problem
        if block.rows:
            words, labels = (tuple(columns[index] for columns in block.columns) for index in (0, -1))
            yield block.line + block.rows[0], Sentence(words, labels)


def write_conll(sentences: Iterable[Sentence], path: Path) -> None:
    """Write two columns, word and label, with a blank line after each sentence."""
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for sentence in sentences:
                file.writelines(
                    f"{word} {label}\n" for word, label in zip(sentence.words, sentence.labels, strict=True)
                )
                file.write("\n")
    except OSError as error:
        raise storage_error(error) from error


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file, whose line ends are \\n alone, as str.splitlines' are not."""
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise CorpusError(str(path), error.strerror or str(error), "give a CoNLL file that can be read") from error


def _decoded(raw: bytes, place: str, number: int) -> tuple[str, CorpusError | None]:
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"byte {raw[error.start]:#04x} is not UTF-8"
        return raw.decode("utf-8", "replace"), CorpusError(f"{place}:{number}", problem, "save the file as UTF-8")
    return line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line, None


def _is_comment(columns: tuple[str, ...], width: int, *, inside: bool) -> bool:
    if not columns[0].startswith(_COMMENT):
        return False
    if len(columns) == 1:
        return not (inside and width == 1)
    is_row = len(columns) == (width or len(columns)) and (inside or _LABEL.fullmatch(columns[-1]))
    return not is_row


def _column_error(place: str, number: int, found: int, width: int, fewest: int) -> CorpusError:
    expected = f"as many columns as the lines before it ({width})" if width >= fewest and width else ""
    expected = expected or ("a word and a label at least" if fewest == 2 else f"{fewest} at least")
    columns = "1 column" if found == 1 else f"{found} columns"
    return CorpusError(
        f"{place}:{number}", f"{columns} where {expected} should be", "mend the line, or remove its sentence"
    )
