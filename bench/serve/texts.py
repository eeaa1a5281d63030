"""The texts that servers are asked about, and how well their answers agree with the gold labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.text.conll import Sentence, read_conll
from runtime.text.scores import score_labels

Span = tuple[str, int, int]
"""Label, first code point, one past the last."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Sentences of a corpus, their words joined by blanks."""

    sentences: tuple[Sentence, ...]

    @property
    def texts(self) -> list[str]:
        """As a client sends them."""
        return [" ".join(sentence.words) for sentence in self.sentences]

    @property
    def sha256(self) -> str:
        """Of sentences and gold labels."""
        told = json.dumps([[sentence.words, sentence.labels] for sentence in self.sentences])
        return hashlib.sha256(told.encode()).hexdigest()

    def f1(self, found: Mapping[int, Sequence[Span]]) -> float:
        """Entity F1 of the answers to those sentences that were answered, in percent.

        Args:
            found: by the number of the sentence, the entities that a server gave.
        """
        gold = [self.sentences[number].labels for number in found]
        labels = [_labels(self.sentences[number].words, spans) for number, spans in found.items()]
        return 100 * score_labels(gold, labels).overall.f1


def read_texts(corpus: Path, *, most: int) -> Texts:
    """The first sentences of a CoNLL file, or of valid.txt in a folder."""
    file = corpus / "valid.txt" if corpus.is_dir() else corpus
    sentences = [sentence for _, sentence in zip(range(most), read_conll(file))]
    return Texts(tuple(sentences))


def _labels(words: Sequence[str], spans: Sequence[Span]) -> list[str]:
    """A label for each word: of the entity that reaches into it, B- where it is the entity's first."""
    labels: list[str] = []
    start = 0
    begun: set[Span] = set()
    for word in words:
        end = start + len(word)
        span = next((span for span in spans if span[1] < end and span[2] > start), None)
        if span is None:
            labels.append("O")
        else:
            labels.append(f"{'I' if span in begun else 'B'}-{span[0]}")
            begun.add(span)
        start = end + 1
    return labels
