"""Answers -> accuracy: entities with offsets are brought back to words, and words are scored. Pure.

Every system sees raw text and gives characters; gold and the checkpoint's own answers are about words. A word belongs
to an entity if they share a character; the first entity to claim a word keeps it. So nobody loses a point for leaving
out a full stop of "U.S.", and everybody is measured by the same rule.

Both sides are compared in BIO, so that an I that opens an entity and a B that does are the same answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from bench.result import Accuracy
from bench.system import Span
from bench.workload import Workload
from runtime.score import score_labels
from runtime.spans import OUTSIDE, LabelSet, bio_from_labels

# What makes a row say that its answers differ: the loosest row of the gate, int8's (export.gate).
MOST_CHANGED, MOST_LOST = 10.0, 0.10


def labels_of(spans: Sequence[Span], words: Sequence[tuple[int, int]]) -> list[str]:
    """BIO labels of words, from entities with offsets.

    Args:
        spans: in any order.
        words: offsets, in order and disjoint.
    """
    labels = [OUTSIDE] * len(words)
    ends = [end for _, end in words]
    for kind, start, end in sorted(spans, key=lambda span: span[1:]):
        word = bisect_right(ends, start)
        prefix = "B"
        while word < len(words) and words[word][0] < end:
            if labels[word] == OUTSIDE:
                labels[word], prefix = f"{prefix}-{kind}", "I"
            word += 1
    return labels


def accuracy(
    workload: Workload,
    spans: Sequence[Sequence[Span]],
    reference: Sequence[Sequence[str] | None],
    labels: Sequence[str],
    *,
    same_model: bool,
) -> Accuracy:
    """Entity F1 against gold, and tags changed against the checkpoint.

    Args:
        workload: what was tagged.
        spans: the answers, by text.
        reference: the checkpoint's labels, by text; None for a text that it was not asked about. Empty: for none.
        labels: of the checkpoint; without gold for its types there is no F1.
        same_model: whether the system runs the checkpoint at all.
    """
    found = [labels_of(answer, text.words) for answer, text in zip(spans, workload.texts, strict=True)]
    known = [(bio_from_labels(tags), mine) for tags, mine in zip(reference, found) if tags is not None]
    compared = sum(len(tags) for tags, _ in known) if same_model else 0
    changed = sum(one != other for tags, mine in known for one, other in zip(tags, mine, strict=True))
    score = score_labels(workload.gold, found).overall if has_gold(workload, labels) else None
    return Accuracy(
        workload=workload.name,
        precision=score.precision if score else None,
        recall=score.recall if score else None,
        f1=score.f1 if score else None,
        compared_words=compared,
        changed_per_10k=1e4 * changed / compared if compared else None,
    )


def has_gold(workload: Workload, labels: Sequence[str]) -> bool:
    """Whether the texts have gold labels, all of types that a model with these labels can find."""
    types = set(LabelSet(sorted({label for gold in workload.gold for label in gold} - {OUTSIDE})).types)
    return bool(types) and types <= set(LabelSet(labels).types)


def flags(mine: Accuracy, checkpoint: Accuracy | None) -> list[str]:
    """What a reader must know of these answers before believing the speed beside them.

    Args:
        checkpoint: the checkpoint's own accuracy on the same texts, if it was asked.
    """
    said = []
    if mine.changed_per_10k is not None and mine.changed_per_10k > MOST_CHANGED:
        said.append(f"answers differ from the checkpoint's: {mine.changed_per_10k:.1f} tags in 10,000")
    if mine.f1 is not None and checkpoint is not None and checkpoint.f1 is not None:
        lost = 100 * (checkpoint.f1 - mine.f1)
        if lost > MOST_LOST:
            said.append(f"loses {lost:.2f} points of F1 against the checkpoint")
    return said


def checkpoint_accuracy(
    workload: Workload, reference: Sequence[Sequence[str] | None], labels: Sequence[str]
) -> Accuracy | None:
    """The checkpoint's own F1; None if there is no gold, or it was not asked about every text."""
    known = [bio_from_labels(tags) for tags in reference if tags is not None]
    if len(known) != len(workload.texts) or not has_gold(workload, labels):
        return None
    score = score_labels(workload.gold, known).overall
    return Accuracy(workload.name, score.precision, score.recall, score.f1, workload.words, 0.0)
