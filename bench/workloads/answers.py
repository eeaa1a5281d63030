"""The accuracy of answers: entities with offsets become labels of words, and these are scored. Pure functions.

Every system is given raw text and returns character offsets; gold and the checkpoint's own answers are about words. A
word belongs to an entity if they share a character, and the first entity that covers a word keeps it. So no system
loses a point because it leaves out the full stop of "U.S.", and the rule is the same for all.

Both sides are compared in BIO, so that an entity that begins with I and one that begins with B are the same answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from bench.schema.result import Accuracy
from bench.systems.base import Span
from bench.workloads.texts import Workload
from runtime.text.agreement import changed_labels, per_10k
from runtime.text.label_schemes import OUTSIDE, LabelSet, bio_from_labels, corpus_labels, spans_of_labels
from runtime.text.scores import Score, score_labels

# Above these, a row says that its answers differ. They are the gate's limits for int8 (runtime.bundle.gate).
MOST_CHANGED, MOST_LOST = 10.0, 0.10


def labels_of(spans: Sequence[Span], words: Sequence[tuple[int, int]]) -> list[str]:
    """Return the BIO labels of words from entities with offsets.

    Args:
        spans: in any order.
        words: their offsets, in order and without overlap.
    """
    labels = [OUTSIDE] * len(words)
    ends = [end for _, end in words]
    # In order of their beginning: which entity is first must not depend on the order of the answer.
    for kind, start, end in sorted(spans, key=lambda span: span[1:]):
        # The first word that ends after the entity begins.
        word = bisect_right(ends, start)
        prefix = "B"
        while word < len(words) and words[word][0] < end:
            if labels[word] == OUTSIDE:
                labels[word], prefix = f"{prefix}-{kind}", "I"
            word += 1
    return labels


@dataclass(frozen=True, slots=True)
class Expected:
    """What the checkpoint itself answers, in PyTorch and fp32.

    Attributes:
        labels: labels of the corpus's words, by text; None for a text longer than the model. Empty: it was not asked.
        twins: its entities in the raw text, by text, for each way of cutting a text into words (Spec.cut).
    """

    labels: Sequence[Sequence[str] | None]
    twins: dict[str, Sequence[Sequence[Span] | None]]


NOTHING_EXPECTED = Expected((), {})


def accuracy(
    workload: Workload,
    spans: Sequence[Sequence[Span]],
    expected: Expected,
    labels: Sequence[str],
    *,
    same_model: bool = True,
    cut: str = "words",
) -> Accuracy:
    """Return entity F1 against gold, and the labels changed against the checkpoint.

    Args:
        workload: what was tagged.
        spans: the system's answers, by text.
        expected: the checkpoint's answers.
        labels: the checkpoint's labels; there is no F1 if gold has types that are not among them.
        same_model: whether the system runs the checkpoint at all.
        cut: which of the twins cuts texts into words as the system does.
    """
    found = [labels_of(answer, text.words) for answer, text in zip(spans, workload.texts, strict=True)]
    # Systems may use B and I in other ways than the checkpoint; BIO makes them comparable.
    known = LabelSet(labels)
    told = [None if tags is None else bio_from_labels(tags, known) for tags in expected.labels]
    alike = [None if twin is None else labels_of(twin, text.words)
             for twin, text in zip(expected.twins.get(cut, ()), workload.texts)]  # fmt: skip
    score = _score(workload, found, labels)
    best = _score(workload, [tags for tags in alike if tags is not None], labels)
    return Accuracy(
        workload=workload.name,
        precision=score.precision if score else None,
        recall=score.recall if score else None,
        f1=score.f1 if score else None,
        changed_per_10k=_changed(told, found) if same_model else None,
        backend_changed_per_10k=_changed(alike, found) if same_model else None,
        backend_f1_lost=100 * (best.f1 - score.f1) if same_model and score and best else None,
    )


def _changed(expected: Sequence[Sequence[str] | None], found: Sequence[Sequence[str]]) -> float | None:
    """Return how many words in 10,000 have another label."""
    known = [(tags, mine) for tags, mine in zip(expected, found) if tags is not None]
    words = sum(len(tags) for tags, _ in known)
    changed = sum(changed_labels(tags, mine) for tags, mine in known)
    return per_10k(changed, words) if words else None


def _score(workload: Workload, found: Sequence[Sequence[str]], labels: Sequence[str]) -> Score | None:
    """Return the score against gold; None if there is no gold, or a text has no answer."""
    if len(found) != len(workload.texts) or not has_gold(workload, labels):
        return None
    return score_labels(workload.gold, found).overall


def has_gold(workload: Workload, labels: Sequence[str]) -> bool:
    """Return whether the texts have gold labels, all of types that a model with these labels can find."""
    # A model that has no name for a type of gold could not find it, and its F1 would be unfair.
    types = set(corpus_labels(workload.gold).types)
    return bool(types) and types <= set(LabelSet(labels).types)


def flags(mine: Accuracy) -> list[str]:
    """Return what a reader must know of these answers before believing the speed beside them.

    The backend is judged, against the checkpoint on the same words, so that cutting words otherwise does not count; see
    Accuracy for what else does. What the cutting costs is in the columns for F1 and changed labels.
    """
    said = []
    if mine.backend_changed_per_10k is not None and mine.backend_changed_per_10k > MOST_CHANGED:
        said.append(f"answers differ from the checkpoint's: {mine.backend_changed_per_10k:.1f} labels in 10,000")
    if mine.backend_f1_lost is not None and mine.backend_f1_lost > MOST_LOST:
        said.append(f"loses {mine.backend_f1_lost:.2f} points of F1 against the checkpoint")
    return said


def checkpoint_accuracy(workload: Workload, expected: Expected, labels: Sequence[str]) -> Accuracy | None:
    """Return the checkpoint's accuracy, given the corpus's words; None if it was not asked about every text."""
    known = LabelSet(labels)
    told = [bio_from_labels(tags, known) for tags in expected.labels if tags is not None]
    score = _score(workload, told, labels)
    if score is None:
        return None
    return Accuracy(workload.name, score.precision, score.recall, score.f1, 0.0, 0.0, 0.0)


def spans_of(labels: Sequence[str], words: Sequence[tuple[int, int]]) -> list[Span]:
    """Return entities with offsets from labels of words."""
    return [(kind, words[start][0], words[end - 1][1]) for kind, start, end in spans_of_labels(labels)]
