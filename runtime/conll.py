"""CoNLL text: one word a line with its columns, a blank line between sentences.

The word is the first column, its label the last, as in CoNLL-2003 (four columns) and its two-column descendants.
Columns are separated by spaces or tabs and by nothing else: a no-break space may stand inside a word.
It knows nothing of models; labels are checked for being labels, not for being known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import CorpusError, storage_error

DOCUMENT_START = "-DOCSTART-"
_SEPARATOR = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and their labels, of equal length and at least one."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


def read_conll(path: Path) -> Iterator[Sentence]:
    """Sentences of a CoNLL file, one at a time; document marks are passed over.

    Raises:
        CorpusError: the file cannot be opened, or a line is not UTF-8, has one column, or another number of columns
            than the first; it names file:line.
    """
    return (sentence for _, sentence in read_conll_numbered(path))


def read_conll_numbered(path: Path) -> Iterator[tuple[int, Sentence]]:
    """As read_conll, each sentence with the line of its first word, from 1; its words stand on lines that follow."""
    words: list[str] = []
    labels: list[str] = []
    width = 0
    number = 0
    for number, line in _lines(path):
        columns = _SEPARATOR.split(line.strip(" \t\r\n"))
        if columns[0] in ("", DOCUMENT_START):
            if words:
                yield number - len(words), Sentence(tuple(words), tuple(labels))
                words, labels = [], []
            continue
        width = width or len(columns)
        if len(columns) < 2 or len(columns) != width:
            raise _column_error(path, number, len(columns), width)
        words.append(columns[0])
        labels.append(columns[-1])
    if words:
        yield number - len(words) + 1, Sentence(tuple(words), tuple(labels))


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


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line) of a UTF-8 file, whose line ends are \\n alone, as str.splitlines' are not."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                try:
                    yield number, raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    found = f"byte {raw[error.start]:#04x} is not UTF-8"
                    raise CorpusError(f"{path}:{number}", found, "save the file as UTF-8") from error
    except OSError as error:
        raise CorpusError(str(path), error.strerror or str(error), "give a CoNLL file that can be read") from error


def _column_error(path: Path, number: int, found: int, width: int) -> CorpusError:
    expected = f"as many columns as the lines before it ({width})" if width > 1 else "a word and a label at least"
    columns = "1 column" if found == 1 else f"{found} columns"
    return CorpusError(
        f"{path}:{number}", f"{columns} where {expected} should be", "mend the line, or remove its sentence"
    )
