"""Entity precision, recall and F1: exact span and exact type, micro-averaged, as conlleval and seqeval count them.

It knows nothing of models, files or how the entities were found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runtime.spans import spans_of_labels


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
    """The micro average and a Score for each entity type, types in alphabetical order."""

    overall: Score
    by_type: dict[str, Score]


def score_labels(gold: Iterable[Sequence[str]], found: Iterable[Sequence[str]]) -> ScoreTable:
    """Compare two labellings of the same sentences, each sentence a sequence of labels.

    Raises:
        ValueError: the two have another number of sentences, or a sentence another number of labels.
    """
    in_gold: Counter[str] = Counter()
    in_found: Counter[str] = Counter()
    in_both: Counter[str] = Counter()
    for gold_labels, found_labels in zip(gold, found, strict=True):
        if len(gold_labels) != len(found_labels):
            raise ValueError(f"{len(found_labels)} labels for a sentence of {len(gold_labels)} words")
        gold_spans, found_spans = set(spans_of_labels(gold_labels)), set(spans_of_labels(found_labels))
        in_gold.update(name for name, _, _ in gold_spans)
        in_found.update(name for name, _, _ in found_spans)
        in_both.update(name for name, _, _ in gold_spans & found_spans)
    by_type = {name: Score(in_gold[name], in_found[name], in_both[name]) for name in sorted(in_gold | in_found)}
    return ScoreTable(Score(in_gold.total(), in_found.total(), in_both.total()), by_type)
