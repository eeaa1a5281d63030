"""CoNLL files with bytes changed: read for training, certifying and tagging.

Right: the blocks hold every byte; what is read, is read again the same after it was written; labels in BIO spell the
entities that the file's own labels spell; and nothing is shared with a text that has none of its sentences.
"""

from __future__ import annotations

import random
from pathlib import Path

from export.certify.corpus import Text, counted, entities_by_type, read_text, shared_words
from runtime.text.conll import Columns, Sentence, column_of, read_blocks, read_conll, tabs_separate, write_conll
from runtime.text.label_schemes import LabelSet, bio_from_labels, spans_of_labels
from tests.fuzz.change import changed_bytes
from tests.fuzz.kind import Case, check

_LABELS = ("O", "O", "O", "B-PER", "I-PER", "E-PER", "S-LOC", "B-LOC", "I-LOC", "L-ORG", "U-ORG", "M-ORG")
_WORDS = (
    "Maria",
    "Keller",
    "#tag",
    "#",
    "-DOCSTART-",
    ".",
    "Oslo\u00a0",
    "\ufeffx",
    "e\u0301",
    "\u65e5\u672c",
    "3,000",
)


def open_case(folder: Path) -> Case:
    """See the module."""
    file, again = folder / "valid.txt", folder / "again.txt"

    def case(chance: random.Random) -> None:
        raw = _corpus(chance)
        if chance.random() < 0.85:
            raw = changed_bytes(raw, chance)
        file.write_bytes(raw)
        columns = Columns(tabs=tabs_separate(_lines(raw)), fewest=chance.choice((1, 2)))
        blocks = list(read_blocks(iter(_lines(raw)), "c", columns))
        check(b"".join(line for block in blocks for line in block.lines) == raw, "bytes were lost", raw)
        sentences = list(read_conll(file))
        write_conll(sentences, again)
        if not any(_is_odd(sentence) for sentence in sentences):
            check(list(read_conll(again)) == sentences, "read otherwise when written again", sentences)
        text = read_text(folder, most=chance.choice((0, 0, 1, 3)))
        _check(text)

    return case


def _corpus(chance: random.Random) -> bytes:
    columns, separator = chance.choice((2, 2, 4, 1)), chance.choice((" ", "\t", "  "))
    lines = []
    for _ in range(chance.randrange(0, 5)):
        for _ in range(chance.randrange(1, 6)):
            row = [
                chance.choice(_WORDS),
                *("NN" for _ in range(columns - 2)),
                *([chance.choice(_LABELS)] * (columns > 1)),
            ]
            lines.append(separator.join(row))
        lines.append("")
    return (chance.choice(("\n", "\n", "\r\n")).join(lines) + "\n").encode()


def _lines(raw: bytes) -> list[bytes]:
    r"""Only \n ends a line."""
    parts = raw.split(b"\n")
    return [*(part + b"\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]


def _is_odd(sentence: Sentence) -> bool:
    """Whether two columns cannot say it: words that are marks of the format, or labels that get other characters."""
    marks = any(word.startswith(("#", "-DOCSTART-", "\ufeff")) for word in sentence.words)
    return marks or any(column_of(label) != label for label in sentence.labels)


def _check(text: Text) -> None:
    for sentence in text.sentences:
        check(len(sentence.words) == len(sentence.labels) > 0, "words and labels", sentence)
        check(list(bio_from_labels(sentence.labels)) == list(sentence.labels), "BIO of BIO differs", sentence)
        spans = spans_of_labels(sentence.labels)
        check(all(0 <= start < end <= len(sentence.words) for _, start, end in spans), "spans", sentence)
    told = counted(text)
    check(told["words"] == sum(len(each.words) for each in text.sentences), "count of words", told)
    entities = entities_by_type(text, LabelSet(("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))
    check(sum(entities.values()) <= (told["words"] or 0), "more entities than words", told)
    check(shared_words(text.words, text) == 1 and shared_words((), text) == 0, "shared words")
