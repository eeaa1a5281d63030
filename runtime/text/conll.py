"""CoNLL text: each line has a word and its columns, and a blank line follows each sentence.

    read_blocks     lines as bytes -> blocks that keep every byte, for files that are written again with a column more
    read_conll      a file -> sentences, each with its words and labels, for training and measuring
    write_conll     sentences -> a file of two columns

The word is the first column and its label the last, as in CoNLL-2003 (four columns) and in formats of two columns.
Only spaces and tabs separate columns: a no-break space may be part of a word.
A line that begins with # is a comment, with one exception: it is a word where it has as many columns as the other
lines and either is inside a sentence or ends in a label, as in "#tag O" and "# NN I-NP O".
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
# Not \s, which takes the no-break space, too.
_SEPARATOR = re.compile(r"[ \t]+")
_LABEL = re.compile(r"O|[BIESLUM]-\S+")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of a sentence and a label for each; there is at least one word."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(slots=True)
class Block:
    """Neighboring lines with at most one sentence among them. All blocks together hold every line of the file.

    Attributes:
        line: number of the first line, from 1.
        lines: the lines as they were read, with their line ends.
        rows: indices into `lines` of the lines that hold a word.
        columns: the columns of each of these rows; none for a row that has an error.
        problem: the first error in the sentence; None where it has none.
    """

    line: int
    lines: list[bytes] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    columns: list[tuple[str, ...]] = field(default_factory=list)
    problem: CorpusError | None = None


def read_blocks(
    lines: Iterable[bytes], place: str, *, first: int = 1, width: int = 0, fewest: int = 1
) -> Iterator[Block]:
    """The blocks of a CoNLL file, one at a time. A sentence's block ends with the blank line after it.

    Args:
        lines: the lines, with their line ends.
        place: the file's name, for messages.
        first: number of the first of these lines.
        width: number of columns of the lines before; 0 where there are none.
        fewest: smallest number of columns that a word's line must have.
    """
    block = Block(first)
    for number, raw in enumerate(lines, start=first):
        line, problem = _decoded(raw, place, number)
        columns = tuple(_SEPARATOR.split(line.strip(" \t\r\n")))
        if columns[0] == DOCUMENT_START and block.rows:
            # Some corpora leave out the blank line before a document; its mark ends the sentence all the same.
            yield block
            block = Block(number)
        block.lines.append(raw)
        if columns[0] == "":
            yield block
            block = Block(number + 1)
        elif columns[0] != DOCUMENT_START and not _is_comment(columns, width, inside=bool(block.rows)):
            if not problem and not fewest <= len(columns) == (width or len(columns)):
                problem = _column_error(place, number, len(columns), width, fewest)
            # The first row without an error sets the number of columns for the whole file.
            width = width or (0 if problem else len(columns))
            block.problem = block.problem or problem
            block.rows.append(len(block.lines) - 1)
            block.columns.append(columns if not problem else ())
    if block.lines:
        yield block


def read_conll(path: Path) -> Iterator[Sentence]:
    """The sentences of a CoNLL file, one at a time, without document marks and comments.

    Raises:
        CorpusError: the file cannot be opened; or a line is not UTF-8, has a single column, or has another number of
            columns than the first line. The subject is file:line.
    """
    return (sentence for _, sentence in read_conll_numbered(path))


def read_conll_numbered(path: Path) -> Iterator[tuple[int, Sentence]]:
    """The same, each sentence with the number of its first word's line, from 1. Its other words follow line by line."""
    for block in read_blocks(_lines(path), str(path), fewest=2):
        if block.problem:
            raise block.problem
        if block.rows:
            words, labels = (tuple(columns[index] for columns in block.columns) for index in (0, -1))
            yield block.line + block.rows[0], Sentence(words, labels)


def write_conll(sentences: Iterable[Sentence], path: Path) -> None:
    """Write sentences to a file: two columns, word and label, and a blank line after each sentence.

    Raises:
        StorageError: no permission, no space, or no such folder.
    """
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
    """Lines of a file as bytes: only \\n ends a line, where str.splitlines would also end one at U+2028."""
    try:
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


def _is_comment(columns: tuple[str, ...], width: int, *, inside: bool) -> bool:
    if not columns[0].startswith(_COMMENT):
        return False
    if len(columns) == 1:
        # A file of one column holds words alone, and "#" may be one of them.
        return not (inside and width == 1)
    # Hashtags are words, and comments of more than one column are common ("# sent_id = 1").
    is_row = len(columns) == (width or len(columns)) and (inside or _LABEL.fullmatch(columns[-1]))
    return not is_row


def _column_error(place: str, number: int, found: int, width: int, fewest: int) -> CorpusError:
    expected = f"as many columns as the lines before it ({width})" if width >= fewest and width else ""
    expected = expected or ("a word and a label at least" if fewest == 2 else f"{fewest} at least")
    columns = "1 column" if found == 1 else f"{found} columns"
    return CorpusError(
        f"{place}:{number}", f"{columns} where {expected} should be", "fix the line, or remove its sentence"
    )
