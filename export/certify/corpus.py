"""The text that candidates are certified on: the validation part of a corpus in CoNLL columns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import CorpusError, UsageError
from runtime.text.conll import Sentence, read_conll
from runtime.text.label_schemes import LabelSet, bio_from_labels

VALIDATION, TRAINING = "valid.txt", "train.txt"


@dataclass(frozen=True, slots=True)
class Text:
    """Sentences to certify on.

    Attributes:
        name: the file they come from.
        sha256: of the sentences, a line "word label" a word and an empty line after each sentence.
        sentences: words, and gold labels in BIO whatever the file's scheme.
    """

    name: str
    sha256: str
    sentences: tuple[Sentence, ...]

    @property
    def words(self) -> list[tuple[str, ...]]:
        """The words of each sentence."""
        return [sentence.words for sentence in self.sentences]

    @property
    def gold(self) -> list[tuple[str, ...]]:
        """The gold labels of each sentence."""
        return [sentence.labels for sentence in self.sentences]


def read_text(path: Path, *, most: int) -> Text:
    """Read a CoNLL file, or the valid.txt of a corpus folder.

    Args:
        path: the file or the folder.
        most: sentences to keep, spread evenly over the file; 0 keeps all.

    Raises:
        CorpusError: it is missing, unreadable, or holds no sentence.
    """
    if most < 0:
        raise UsageError("--sentences", f"{most}", "give a number of sentences, or 0 for all")
    file = path / VALIDATION if path.is_dir() else path
    if not file.is_file():
        raise CorpusError(str(file), "there is no such file", f"give a CoNLL file, or a folder with a {VALIDATION}")
    sentences = list(read_conll(file))
    if not sentences:
        raise CorpusError(str(file), "no sentence in it", "give a CoNLL file: a word and its label on each line")
    chosen = spread(sentences, most or len(sentences))
    bio = tuple(Sentence(sentence.words, tuple(bio_from_labels(sentence.labels))) for sentence in chosen)
    return Text(str(file), _sha256(bio), bio)


def training_sentences(path: Path, text: Text) -> tuple[tuple[str, ...], ...]:
    """Words of the sentences of a CoNLL file, or of the train.txt of a corpus folder.

    Args:
        path: the file or the folder.
        text: what is certified on; fitting anything to it would make the certificate worthless.

    Raises:
        CorpusError: it is missing, unreadable, or the same as the text.
    """
    file = path / TRAINING if path.is_dir() else path
    if not file.is_file():
        problem = "there is no such file, and lower precisions are fitted to training text"
        raise CorpusError(str(file), problem, f"give a CoNLL file, or a folder with a {TRAINING}, with --training")
    if file.samefile(text.name):
        raise CorpusError(str(file), "it is the text that is certified on", "give other text with --training")
    return tuple(sentence.words for sentence in read_conll(file))


def spread(sentences: Sequence[Sentence], most: int) -> list[Sentence]:
    """At most that many, evenly spaced, the first among them."""
    count = min(most, len(sentences))
    return [sentences[index * len(sentences) // count] for index in range(count)]


def has_gold_for(text: Text, labels: Sequence[str]) -> bool:
    """Whether every entity type of the text's gold labels is one that a model with these labels can find."""
    types = set(LabelSet(sorted({label for sentence in text.gold for label in sentence})).types)
    return bool(types) and types <= set(LabelSet(labels).types)


def _sha256(sentences: Sequence[Sentence]) -> str:
    digest = hashlib.sha256()
    for sentence in sentences:
        lines = [f"{word} {label}\n" for word, label in zip(sentence.words, sentence.labels)]
        digest.update("".join([*lines, "\n"]).encode())
    return digest.hexdigest()
