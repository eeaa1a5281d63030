"""What is tagged: texts made from a corpus or given by the user. Drawing them is seeded, and they are hashed.

    sentences   sentences of the corpus, their words joined by spaces
    documents   sentences joined to documents of 200 to 5,000 words
    latency     single texts: sentences as they are, and texts of exactly so many words
    texts       a user's own file, one text a line

This module knows nothing of systems or models. No text of a corpus goes into a report; its hash does.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.errors import CorpusError, TextError, storage_error
from runtime.text.conll import Sentence, read_conll
from runtime.text.label_schemes import bio_from_labels, corpus_labels
from runtime.text.words import split_words

VALIDATION = "valid.txt"
SHORTEST_DOCUMENT, LONGEST_DOCUMENT = 200, 5000


@dataclass(frozen=True, slots=True)
class Text:
    """A raw text, and the words that answers are scored on.

    Attributes:
        text: what the systems are given.
        words: first and one past the last code point of each word.
        gold: labels of the words in BIO; empty where there are none.
    """

    text: str
    words: tuple[tuple[int, int], ...]
    gold: tuple[str, ...]

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words."""
        return tuple(self.text[start:end] for start, end in self.words)


@dataclass(frozen=True, slots=True)
class Workload:
    """Texts with a name.

    Attributes:
        name: in reports.
        texts: in the order in which they are tagged.
        seed: of drawing them; 0 where nothing was drawn.
    """

    name: str
    texts: tuple[Text, ...]
    seed: int

    @property
    def raw(self) -> list[str]:
        """What the systems are given."""
        return [text.text for text in self.texts]

    @property
    def gold(self) -> list[tuple[str, ...]]:
        """Gold labels of each text."""
        return [text.gold for text in self.texts]

    @property
    def words(self) -> int:
        """How many words all texts have."""
        return sum(len(text.words) for text in self.texts)

    @property
    def sha256(self) -> str:
        """Over each text's length in bytes, its bytes and its gold labels."""
        digest = hashlib.sha256()
        for text in self.texts:
            raw = text.text.encode("utf-8", "surrogatepass")
            # The length comes first, so that two texts cannot trade bytes unseen.
            digest.update(f"{len(raw)}\n".encode() + raw + f"\n{' '.join(text.gold)}\n".encode())
        return digest.hexdigest()


def read_corpus(path: Path) -> tuple[Sentence, ...]:
    """Read the sentences of a CoNLL file, or of a folder's valid.txt, with gold labels in BIO.

    Raises:
        CorpusError: the file is missing, unreadable, or has no sentence.
    """
    file = path / VALIDATION if path.is_dir() else path
    if not file.is_file():
        raise CorpusError(str(file), "there is no such file", f"give a CoNLL file, or a folder with a {VALIDATION}")
    read = tuple(read_conll(file))
    known = corpus_labels(sentence.labels for sentence in read)
    sentences = tuple(Sentence(s.words, tuple(bio_from_labels(s.labels, known))) for s in read)
    if not sentences:
        raise CorpusError(str(file), "no sentence in it", "give a CoNLL file: a word and its label on each line")
    return sentences


def sentences_of(corpus: Sequence[Sentence], count: int, *, seed: int) -> Workload:
    """Draw so many sentences without repetition and keep the corpus's order; 0, or too many, takes all."""
    chosen: Iterable[Sentence] = corpus
    if 0 < count < len(corpus):
        # The corpus's order is kept, since neighbors in a corpus are of like length and topic.
        chosen = (corpus[index] for index in sorted(random.Random(seed).sample(range(len(corpus)), count)))
    return Workload("sentences", tuple(_joined([sentence]) for sentence in chosen), seed)


def documents_of(corpus: Sequence[Sentence], count: int, *, seed: int) -> Workload:
    """Make documents of whole sentences that follow each other in the corpus, each from a place drawn at random.

    Their lengths grow by the same factor, from 200 to 5,000 words; each goes on to the end of its last sentence.
    """
    source = random.Random(seed)
    # Even steps in proportion: documents differ by factors, not by a fixed number of words.
    sizes = np.geomspace(SHORTEST_DOCUMENT, LONGEST_DOCUMENT, count).round().astype(int).tolist()
    return Workload("documents", tuple(_joined(_run(corpus, size, source)) for size in sizes), seed)


def single_texts(corpus: Sequence[Sentence], words: int, count: int, *, seed: int) -> Workload:
    """Draw so many texts of exactly so many words; with 0 words, sentences as they are."""
    if words == 0:
        # With repetition: a small corpus must be enough for any number of calls.
        drawn = random.Random(seed).choices(range(len(corpus)), k=count)
        return Workload("sentence", tuple(_joined([corpus[index]]) for index in drawn), seed)
    source = random.Random(seed)
    texts = tuple(_cut(_joined(_run(corpus, words, source)), words) for _ in range(count))
    return Workload(f"{words} words", texts, seed)


def texts_of_file(path: Path) -> Workload:
    """Read a user's file: UTF-8, one text a line, empty lines left out. Words are cut as the runtime cuts them.

    Raises:
        CorpusError: the file cannot be read, or has no text.
        TextError: a line is not UTF-8; the message says which.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise CorpusError(str(path), "there is no such file", "give a file with one text a line") from None
    except OSError as error:
        raise storage_error(error) from error
    texts = []
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError as error:
            problem = f"byte {line[error.start]:#04x} is not UTF-8"
            raise TextError(number, problem, "save the file as UTF-8", place=f"{path}:{number}") from error
        if text.strip():
            texts.append(Text(text, tuple(split_words(text)), ()))
    if not texts:
        raise CorpusError(str(path), "no text in it", "give a file with one text a line")
    return Workload("texts", tuple(texts), 0)


def _joined(sentences: Sequence[Sentence]) -> Text:
    words = [word for sentence in sentences for word in sentence.words]
    ends = list(itertools.accumulate(len(word) + 1 for word in words))
    spans = tuple((end - 1 - len(word), end - 1) for word, end in zip(words, ends))
    return Text(" ".join(words), spans, tuple(label for sentence in sentences for label in sentence.labels))


def _run(corpus: Sequence[Sentence], words: int, source: random.Random) -> list[Sentence]:
    """Return the sentences from a random one on, past the end to the first, until there are enough words."""
    index, chosen, held = source.randrange(len(corpus)), [], 0
    while held < words:
        chosen.append(corpus[index % len(corpus)])
        held += len(chosen[-1].words)
        index += 1
    return chosen


def _cut(text: Text, words: int) -> Text:
    return Text(text.text[: text.words[words - 1][1]], text.words[:words], text.gold[:words])
