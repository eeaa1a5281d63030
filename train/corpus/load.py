"""Corpus: the sentences that a run learns from and is measured on, wherever they come from.

Three sources: a folder with train.txt and valid.txt in CoNLL columns, a data set of the hub (or a folder that the
datasets library reads), and the generated sample. Labels reach the caller as names in BIO, whatever the source wrote.
It knows nothing of models, tokens or torch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from runtime.errors import CorpusError
from runtime.text.conll import Sentence, read_conll_numbered
from runtime.text.label_names import OUTSIDE, Scheme
from runtime.text.label_schemes import ANY_LABELS, LabelSet, bio_from_labels, corpus_labels
from train.corpus.hub import hub_sentences
from train.corpus.sample import sample_corpus

SAMPLE = "sample"
TRAIN_FILE, VALID_FILE = "train.txt", "valid.txt"
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences in two parts, labels in BIO.

    Attributes:
        name: hub id, name of the folder, or "sample".
        train: what is learned from.
        valid: what the score table is measured on.
    """

    name: str
    train: tuple[Sentence, ...]
    valid: tuple[Sentence, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """Entity types of both parts, in alphabetical order."""
        labels = {label for sentence in chain(self.train, self.valid) for label in sentence.labels}
        return tuple(sorted({label[2:] for label in labels if label != OUTSIDE}))

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels by index: "O", then B- and I- of each type in alphabetical order."""
        return (OUTSIDE, *(f"{prefix}-{name}" for name in self.types for prefix in "BI"))

    @property
    def sha256(self) -> str:
        """Digest of words and labels of both parts, the same for the same content from any source."""
        digest = hashlib.sha256()
        for part in (self.train, self.valid):
            for sentence in part:
                # Separators that no word holds: lengths and order are part of what is hashed.
                digest.update("\x1f".join(chain(sentence.words, sentence.labels)).encode() + b"\x1e")
            digest.update(b"\x1d")
        return digest.hexdigest()


def open_corpus(name: str) -> Corpus:
    """The corpus of that name.

    Args:
        name: "sample", a folder with train.txt and valid.txt, another folder that the datasets library reads, or a
            data set's hub id.

    Raises:
        CorpusError: there is no such corpus, the hub cannot be reached, or something in it cannot be read; a CoNLL
            line is named as file:line.
    """
    # A folder named "sample" is not looked at: the name must mean the same corpus on every machine.
    folder = Path(name)
    if name == SAMPLE:
        train, valid = sample_corpus()
    elif (folder / TRAIN_FILE).exists() or (folder / VALID_FILE).exists():
        train, valid = conll_sentences(folder / TRAIN_FILE), conll_sentences(folder / VALID_FILE)
    elif folder.is_dir() or _HUB_ID.fullmatch(name):
        train, valid = hub_sentences(name)
    else:
        raise CorpusError(name, "no such folder", f"give a folder with {TRAIN_FILE} and {VALID_FILE}")
    return corpus_of(folder.resolve().name if folder.is_dir() else name, train, valid)


def corpus_of(name: str, train: Sequence[Sentence], valid: Sequence[Sentence]) -> Corpus:
    """The corpus with all labels in BIO.

    Raises:
        CorpusError: a part has no sentence, no label but "O", or labels of no known scheme.
    """
    return Corpus(name, _in_bio(f"{name} (training part)", train), _in_bio(f"{name} (validation part)", valid))


def conll_sentences(path: Path) -> list[Sentence]:
    """Sentences of a CoNLL file whose labels are known to be "O", or a letter and a type.

    Raises:
        CorpusError: the file or a line cannot be read, or a label is neither; it names file:line.
    """
    numbered = list(read_conll_numbered(path))
    known = corpus_labels(sentence.labels for _, sentence in numbered)
    if known.scheme is Scheme.PLAIN:
        known = ANY_LABELS
    for line, sentence in numbered:
        for number, label in enumerate(sentence.labels, start=line):
            if not _has_letter(label, known):
                problem = f"{label!r} where a label (O, or a letter and a type as in B-PER) should be"
                capitals = "write O and the letters as capital letters"
                fix = capitals if _has_letter(label.upper(), known) else "put the label in the last column"
                raise CorpusError(f"{path}:{number}", problem, fix)
    return [sentence for _, sentence in numbered]


def _has_letter(label: str, known: LabelSet) -> bool:
    """Whether it is O, or a letter and a type, and so neither a type by itself nor padding."""
    return label == OUTSIDE or known.part(label).type not in (label, "")


def _in_bio(place: str, sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    if not sentences:
        raise CorpusError(place, "no sentence", "give one with a word and its label a line")
    known = corpus_labels(sentence.labels for sentence in sentences)
    if not known.types:
        raise CorpusError(place, "no label but O", "give one whose entities are labeled")
    if known.scheme is Scheme.PLAIN or known.naming.doubtful:
        names = known.naming.doubtful or known.types
        problem = f"labels of no known scheme ({', '.join(names[:6])})"
        raise CorpusError(place, problem, "write them in BIO: B-PER I-PER O")
    return tuple(Sentence(sentence.words, tuple(bio_from_labels(sentence.labels, known))) for sentence in sentences)
