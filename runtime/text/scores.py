"""Entity precision, recall and F1: exact span and exact type, micro-averaged, as conlleval and seqeval count them.

Accuracy is theirs too: the share of words whose label is the same string, "O" counted like any other. It therefore
falls where two label sets spell the same entities differently (IO against BIO), and precision and recall do not.
It knows nothing of models, files or how the entities were found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.text.label_schemes import spans_of_labels


@dataclass(frozen=True, slots=True)
class Score:
    """Counts and what follows from them; a ratio over nothing is 0, as in seqeval.

    Attributes:
        gold: entities in the reference.
        found: entities predicted.
        right: predicted entities whose span and type are in the reference.
    """

    gold: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """right / found, 0 to 1."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """right / gold, 0 to 1."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2 right / (gold + found), 0 to 1."""
        return 2 * self.right / (self.gold + self.found) if self.right else 0.0


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """The micro average and a Score for each entity type, types in alphabetical order.

    Attributes:
        words: how many were compared.
        right_words: those whose label is the reference's.
    """

    overall: Score
    by_type: dict[str, Score]
    words: int
    right_words: int

    @property
    def accuracy(self) -> float:
        """right_words / words, 0 to 1."""
        return self.right_words / self.words if self.words else 0.0


class Scorer:
    """Counts sentence by sentence; its memory grows with the entity types alone."""

    def __init__(self) -> None:
        self._gold: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._words = self._right_words = 0

    def add(self, gold: Sequence[str], found: Sequence[str]) -> None:
        """Compare two labellings of a sentence.

        Raises:
            ValueError: they have another number of labels.
        """
        if len(gold) != len(found):
            raise ValueError(f"{len(found)} labels for a sentence of {len(gold)} words")
        gold_spans, found_spans = set(spans_of_labels(gold)), set(spans_of_labels(found))
        self._gold.update(name for name, _, _ in gold_spans)
        self._found.update(name for name, _, _ in found_spans)
        self._right.update(name for name, _, _ in gold_spans & found_spans)
        self._words += len(gold)
        self._right_words += sum(one == other for one, other in zip(gold, found))

    def table(self) -> ScoreTable:
        """What the sentences so far come to."""
        gold, found, right = self._gold, self._found, self._right
        by_type = {name: Score(gold[name], found[name], right[name]) for name in sorted(gold | found)}
        overall = Score(gold.total(), found.total(), right.total())
        return ScoreTable(overall, by_type, self._words, self._right_words)

    def counts(self) -> dict[str, Any]:
        """All it has counted, as plain JSON values, for `restore`."""
        tables = {"gold": dict(self._gold), "found": dict(self._found), "right": dict(self._right)}
        return {**tables, "words": self._words, "right_words": self._right_words}

    def restore(self, counts: Mapping[str, Any]) -> None:
        """Go on from `counts`."""
        self._gold, self._found, self._right = (Counter(counts[name]) for name in ("gold", "found", "right"))
        self._words, self._right_words = counts["words"], counts["right_words"]


def score_labels(gold: Iterable[Sequence[str]], found: Iterable[Sequence[str]]) -> ScoreTable:
    """Compare two labellings of the same sentences, each sentence a sequence of labels.

    Raises:
        ValueError: the two have another number of sentences, or a sentence another number of labels.
    """
    scorer = Scorer()
    for gold_labels, found_labels in zip(gold, found, strict=True):
        scorer.add(gold_labels, found_labels)
    return scorer.table()


def report(table: ScoreTable) -> str:
    """The table as the script conlleval of CoNLL-2000 prints it, digit for digit: percentages with two places.

    A type's last number is how many entities of that type were found.
    """
    overall = table.overall
    lines = [
        f"processed {table.words} tokens with {overall.gold} phrases; "
        f"found: {overall.found} phrases; correct: {overall.right}.",
        f"accuracy: {100 * table.accuracy:6.2f}%; {_figures(overall)}",
    ]
    lines += [f"{name:>17}: {_figures(score)}  {score.found}" for name, score in table.by_type.items()]
    return "\n".join(lines) + "\n"


def _figures(score: Score) -> str:
    # The script divides 100 x counts and then rounds; so is it done here, for the last digit to be the same.
    precision = 100 * score.right / score.found if score.found else 0.0
    recall = 100 * score.right / score.gold if score.gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return f"precision: {precision:6.2f}%; recall: {recall:6.2f}%; FB1: {f1:6.2f}"
