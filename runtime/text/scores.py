"""Precision, recall and F1 of entities: exact span and type, micro-averaged, as conlleval and seqeval count them.

Accuracy is counted as they do, too: the share of words whose two labels are the same string, "O" included. So it falls
where two schemes spell the same entities differently (IO and BIO), while precision and recall stay the same.
Each label is read by itself, never by the others of its sentence, and as the model writes it where that is known.
The module does not know files, or how the entities were found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from runtime.text.label_names import Part
from runtime.text.label_schemes import ANY_LABELS, LabelSet, spans_of_parts

AS_IT_IS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of entities and the ratios of these counts; a ratio with a denominator of 0 is 0, as in seqeval.

    Attributes:
        gold: number of entities in the reference.
        found: number of predicted entities.
        right: number of predicted entities with the span and type of an entity in the reference.
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
    """The scores of all sentences.

    Attributes:
        overall: the micro average, over all entity types.
        by_type: a Score for each entity type, in alphabetical order.
        words: number of words that were compared.
        right_words: number of words whose label is the reference's.
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
    """Counts entities sentence by sentence. Its memory grows with the number of entity types alone.

    Args:
        labels: the model's, which say how its answers, and gold labels that it knows, are read.
        types: what the model calls entity types that the reference has other names for: reference's -> model's.
    """

    def __init__(self, labels: LabelSet = ANY_LABELS, *, types: Mapping[str, str] = AS_IT_IS) -> None:
        self._labels, self._types = labels, types
        self._gold: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._words = self._right_words = 0

    def add(self, gold: Sequence[str], found: Sequence[str]) -> None:
        """Compare the predicted labels of a sentence with the reference's.

        Args:
            gold: the reference's label of each word.
            found: the predicted label of each word.

        Raises:
            ValueError: the two have different lengths.
        """
        if len(gold) != len(found):
            raise ValueError(f"{len(found)} labels for a sentence of {len(gold)} words")
        # Sets of exact spans: an entity with a wrong border or type counts as one missed and one wrongly found.
        gold_parts = [self._gold_part(label) for label in gold]
        gold_spans, found_spans = set(spans_of_parts(gold_parts)), set(self._labels.entities(found))
        self._gold.update(name for name, _, _ in gold_spans)
        self._found.update(name for name, _, _ in found_spans)
        self._right.update(name for name, _, _ in gold_spans & found_spans)
        self._words += len(gold)
        self._right_words += sum(
            one == other or (bool(self._types) and part == self._labels.part(other))
            for one, other, part in zip(gold, found, gold_parts)
        )

    def _gold_part(self, label: str) -> Part:
        part = self._labels.part(label)
        return Part(part.role, self._types.get(part.type, part.type))

    def unknown_types(self) -> dict[str, int]:
        """Entity types of the reference that the model does not have, with the number of their entities."""
        return {name: count for name, count in sorted(self._gold.items()) if name not in self._labels.types}

    def table(self) -> ScoreTable:
        """The scores of the sentences so far."""
        gold, found, right = self._gold, self._found, self._right
        by_type = {name: Score(gold[name], found[name], right[name]) for name in sorted(gold | found)}
        overall = Score(gold.total(), found.total(), right.total())
        return ScoreTable(overall, by_type, self._words, self._right_words)

    def counts(self) -> dict[str, Any]:
        """All counts as plain JSON values, for `restore`: a tagging run that was killed goes on with its score."""
        tables = {"gold": dict(self._gold), "found": dict(self._found), "right": dict(self._right)}
        return {**tables, "words": self._words, "right_words": self._right_words}

    def restore(self, counts: Mapping[str, Any]) -> None:
        """Replace all counts by those that `counts` gave."""
        self._gold, self._found, self._right = (Counter(counts[name]) for name in ("gold", "found", "right"))
        self._words, self._right_words = counts["words"], counts["right_words"]


def score_labels(
    gold: Iterable[Sequence[str]], found: Iterable[Sequence[str]], labels: LabelSet = ANY_LABELS
) -> ScoreTable:
    """Compare the predicted labels of sentences with the reference's.

    Args:
        gold: for each sentence, the reference's label of each word.
        found: for each sentence, the predicted label of each word.
        labels: the model's; see Scorer.

    Raises:
        ValueError: the two have different numbers of sentences, or of labels in a sentence.
    """
    scorer = Scorer(labels)
    for gold_labels, found_labels in zip(gold, found, strict=True):
        scorer.add(gold_labels, found_labels)
    return scorer.table()


def report(table: ScoreTable) -> str:
    """The table as text, digit for digit as CoNLL-2000's script conlleval prints it: percentages with two places.

    The last number of a type's line is the number of predicted entities of that type.
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
    # In the order of the script, which multiplies by 100 before it divides: other orders differ in the last digit.
    precision = 100 * score.right / score.found if score.found else 0.0
    recall = 100 * score.right / score.gold if score.gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return f"precision: {precision:6.2f}%; recall: {recall:6.2f}%; FB1: {f1:6.2f}"
