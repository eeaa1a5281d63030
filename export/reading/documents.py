"""Documents of a corpus as running text, in the styles in which text comes, with gold entities by offsets.

    spaced       words and sentences joined by blanks
    lines        a sentence a line, its words joined by blanks
    running      punctuation where people write it, sentences joined by blanks
    wrapped      the same in lines of at most 72 code points
    one text     all documents of `running` as one text

It knows nothing of models or how a text is read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import CorpusError
from runtime.text.conll import DOCUMENT_START, Sentence, labeled_blocks
from runtime.text.label_schemes import bio_from_labels, corpus_labels, spans_of_labels

Document = tuple[Sentence, ...]
WIDTH = 72
# Of the lengths of documents that are made at random, so that two runs agree.
SEED = 13
# Sentences of a document that is made at random, where a corpus marks none.
FEWEST, MOST = 5, 40
_CLOSERS = frozenset([".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "'s", "'S", "'", "n't"])
_OPENERS = frozenset(["(", "[", "{", "$", "US$"])
_QUOTE = '"'


@dataclass(frozen=True, slots=True)
class Running:
    """A text and what is right about it.

    Attributes:
        text: what is read.
        entities: (type, first, one past the last code point) of each entity, in order.
        sentences: (first, one past the last) code point of each sentence.
    """

    text: str
    entities: tuple[tuple[str, int, int], ...]
    sentences: tuple[tuple[int, int], ...]


def read_documents(file: Path, *, seed: int = SEED) -> tuple[Document, ...]:
    """Documents of a CoNLL file as -DOCSTART- marks them; where it marks none, sentences in a row, cut at random.

    Labels are in BIO, whatever the file's scheme.

    Raises:
        CorpusError: it cannot be read, or holds no sentence.
    """
    documents: list[list[Sentence]] = [[]]
    for block in labeled_blocks(file):
        if block.lines[0].startswith(DOCUMENT_START.encode()) and documents[-1]:
            documents.append([])
        if block.rows:
            words, labels = (tuple(columns[index] for columns in block.columns) for index in (0, -1))
            documents[-1].append(Sentence(words, labels))
    documents = [document for document in documents if document]
    if not documents:
        raise CorpusError(str(file), "no sentence in it", "give a CoNLL file: a word and its label on each line")
    known = corpus_labels(sentence.labels for document in documents for sentence in document)
    in_bio = [
        tuple(Sentence(each.words, tuple(bio_from_labels(each.labels, known))) for each in document)
        for document in documents
    ]
    return tuple(in_bio) if len(in_bio) > 1 else tuple(_at_random(in_bio[0], seed))


def spaced(document: Document) -> Running:
    """Words and sentences joined by blanks."""
    return _running(document, " ", lambda before, word, quoted: True)


def in_lines(document: Document) -> Running:
    """A sentence a line, its words joined by blanks."""
    return _running(document, "\n", lambda before, word, quoted: True)


def running(document: Document) -> Running:
    """Punctuation where people write it, sentences joined by blanks."""
    return _running(document, " ", _is_apart)


def wrapped(document: Document) -> Running:
    """The same in lines of at most WIDTH code points, each as full as it can be."""
    made = running(document)
    column, characters = 0, list(made.text)
    blank = -1
    for place, character in enumerate(made.text):
        if character == " ":
            blank = place
        column += 1
        if column > WIDTH and blank >= 0:
            characters[blank] = "\n"
            column, blank = place - blank, -1
    return Running("".join(characters), made.entities, made.sentences)


def one_text(documents: Sequence[Running]) -> Running:
    """Texts joined by blanks to one."""
    entities: list[tuple[str, int, int]] = []
    sentences: list[tuple[int, int]] = []
    start = 0
    for each in documents:
        entities += [(kind, first + start, end + start) for kind, first, end in each.entities]
        sentences += [(first + start, end + start) for first, end in each.sentences]
        start += len(each.text) + 1
    return Running(" ".join(each.text for each in documents), tuple(entities), tuple(sentences))


STYLES: dict[str, Callable[[Sequence[Document]], list[Running]]] = {
    "spaced": lambda documents: list(map(spaced, documents)),
    "lines": lambda documents: list(map(in_lines, documents)),
    "running": lambda documents: list(map(running, documents)),
    "wrapped": lambda documents: list(map(wrapped, documents)),
    "one text": lambda documents: [one_text(list(map(running, documents)))],
}


def _running(document: Document, between: str, is_apart: Callable[[str, str, bool], bool]) -> Running:
    text = ""
    entities: list[tuple[str, int, int]] = []
    sentences: list[tuple[int, int]] = []
    quoted = False  # quotations go on over sentences
    for sentence in document:
        text += between if text else ""
        begin, before = len(text), ""
        places: list[tuple[int, int]] = []
        for word in sentence.words:
            text += " " if before and is_apart(before, word, quoted) else ""
            places.append((len(text), len(text) + len(word)))
            text += word
            quoted, before = quoted != (word == _QUOTE), word if word != _QUOTE or quoted else "("
        entities += [(kind, places[s][0], places[e - 1][1]) for kind, s, e in spans_of_labels(sentence.labels)]
        sentences.append((begin, len(text)))
    return Running(text, tuple(entities), tuple(sentences))


def _is_apart(before: str, word: str, quoted: bool) -> bool:
    """Whether people write a blank between two words; `quoted`: inside double quotes."""
    return not (word in _CLOSERS or before in _OPENERS or (word == _QUOTE and quoted))


def _at_random(sentences: Sequence[Sentence], seed: int) -> Iterator[Document]:
    source, first = random.Random(seed), 0
    while first < len(sentences):
        count = source.randint(FEWEST, MOST)
        yield tuple(sentences[first : first + count])
        first += count
