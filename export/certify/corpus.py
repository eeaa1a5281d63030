"""The text that candidates are certified on: the validation part of a corpus in CoNLL columns."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.gate import EVIDENCE, LIMITED_EVIDENCE, Evidence, Figures
from runtime.errors import CorpusError, UsageError
from runtime.text.conll import Sentence, read_conll
from runtime.text.label_schemes import ANY_LABELS, LabelSet, bio_from_labels, spans_of_labels

VALIDATION, TRAINING = "valid.txt", "train.txt"
# Largest share of the text's words that may stand in sentences of the training text, too. In CoNLL-2003 it is 1.7%:
# headlines and results of matches come again.
MOST_SHARED = 0.05


@dataclass(frozen=True, slots=True)
class Text:
    """Sentences to certify on.

    Attributes:
        name: the file they come from.
        sha256: of the sentences, a line "word label" a word and an empty line after each sentence.
        sentences: words, and gold labels in BIO whatever the file's scheme.
        least: how much of it must have been compared for a certificate.
    """

    name: str
    sha256: str
    sentences: tuple[Sentence, ...]
    least: Evidence = EVIDENCE

    @property
    def words(self) -> list[tuple[str, ...]]:
        """The words of each sentence."""
        return [sentence.words for sentence in self.sentences]

    @property
    def gold(self) -> list[tuple[str, ...]]:
        """The gold labels of each sentence."""
        return [sentence.labels for sentence in self.sentences]


NO_TEXT = Text("", "", ())


def read_text(path: Path, *, most: int, limited: bool = False, labels: LabelSet = ANY_LABELS) -> Text:
    """Read a CoNLL file, or the valid.txt of a corpus folder.

    Args:
        path: the file or the folder.
        most: sentences to keep, spread evenly over the file; 0 keeps all.
        limited: be content with less text than a full certificate needs.
        labels: the checkpoint's: gold labels that it has, too, are read as its own.

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
    return text_of(str(file), chosen, LIMITED_EVIDENCE if limited else EVIDENCE, labels)


def text_of(name: str, sentences: Sequence[Sentence], least: Evidence, labels: LabelSet = ANY_LABELS) -> Text:
    """Sentences with labels of any scheme as a text; see Text and read_text for the arguments."""
    bio = tuple(Sentence(sentence.words, tuple(bio_from_labels(sentence.labels, labels))) for sentence in sentences)
    return Text(name, _sha256(bio), bio, least)


def training_sentences(path: Path, *texts: Text) -> tuple[tuple[str, ...], ...]:
    """Words of the sentences of a CoNLL file, or of the train.txt of a corpus folder.

    Args:
        path: the file or the folder.
        texts: what is certified on; fitting anything to it would make the certificate worthless.

    Raises:
        CorpusError: it is missing, unreadable, or holds more of a text than MOST_SHARED, whatever the file's name.
    """
    file = path / TRAINING if path.is_dir() else path
    if not file.is_file():
        problem = "there is no such file, and lower precisions are fitted to training text"
        raise CorpusError(str(file), problem, f"give a CoNLL file, or a folder with a {TRAINING}, with --training")
    training = tuple(sentence.words for sentence in read_conll(file))
    for text in texts:
        shared = shared_words(training, text)
        if shared > MOST_SHARED:
            which = f"{text.name}, which is certified on,"
            problem = f"{shared:.1%} of the words of {which} are in its sentences, at most {MOST_SHARED:.0%}"
            raise CorpusError(str(file), problem, "give other text with --training")
    return training


def shared_words(training: Sequence[tuple[str, ...]], text: Text) -> float:
    """Share of the text's words that stand in sentences of the training text, 0 to 1."""
    known = set(training)
    return sum(len(words) for words in text.words if words in known) / sum(map(len, text.words))


def spread(sentences: Sequence[Sentence], most: int) -> list[Sentence]:
    """At most that many, evenly spaced, the first among them."""
    count = min(most, len(sentences))
    return [sentences[index * len(sentences) // count] for index in range(count)]


def entities_by_type(text: Text, labels: LabelSet) -> dict[str, int]:
    """Gold entities of the text by type, of the types that a model with these labels can find."""
    counts = Counter(name for gold in text.gold for name, _, _ in spans_of_labels(gold))
    return {name: counts[name] for name in sorted(counts.keys() & set(labels.types))}


def check_evidence(text: Text, labels: LabelSet, figures: Figures) -> None:
    """Refuse text that is too little to certify on.

    Args:
        text: to certify on.
        labels: the checkpoint's.
        figures: words, sentences, distinct_sentences and left_out, as far as they are known.

    Raises:
        CorpusError: there is less; the message says how much.
    """
    if lacking := text.least.lacks(figures, entities_by_type(text, labels)):
        problem = f"too little to certify on: {', '.join(lacking)}"
        raise CorpusError(text.name, problem, "give more text, or ask for a certificate of limited evidence")


def counted(text: Text) -> dict[str, float | int | None]:
    """How much text there is, before any of it is found too long: the figures of check_evidence."""
    words, sentences = sum(map(len, text.words)), len(text.sentences)
    return {
        "sentences": sentences,
        "left_out": 0,
        "distinct_sentences": len(set(text.words)),
        "words": words,
    }


def _sha256(sentences: Sequence[Sentence]) -> str:
    digest = hashlib.sha256()
    for sentence in sentences:
        lines = [f"{word} {label}\n" for word, label in zip(sentence.words, sentence.labels)]
        digest.update("".join([*lines, "\n"]).encode())
    return digest.hexdigest()
