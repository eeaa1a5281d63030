"""Which products to leave in higher precision: those whose rounding moves the logits most for the work they are.

Pure: it is given a way to measure, and knows nothing of graphs or engines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.bundle.attestation import KeptLayer

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Probe:
    """A text to measure on.

    Attributes:
        measure: logits with all products rounded but those given. [words, labels]
        expected: logits of the graph that is rounded. [words, labels]
    """

    measure: Callable[[Collection[str]], Logits]
    expected: Logits

    def without(self, kept: Collection[str]) -> Change:
        """How far the logits move with those products left unrounded."""
        return change(self.expected, self.measure(kept))


@dataclass(frozen=True, slots=True)
class Change:
    """How far logits moved.

    Attributes:
        words: compared.
        tags: of them changed.
        movement: mean square movement of the logits against each other.
    """

    words: int
    tags: int
    movement: float

    @property
    def per_10k(self) -> float:
        """Changed labels in 10,000 words."""
        return 1e4 * self.tags / max(1, self.words)


def change(expected: Logits, found: Logits) -> Change:
    """Compare logits. Both: [words, labels]"""
    difference = found - expected
    # What all labels of a word have in common changes no score.
    difference -= difference.mean(axis=1, keepdims=True)
    tags = int(np.count_nonzero(expected.argmax(axis=1) != found.argmax(axis=1)))
    return Change(len(expected), tags, float(np.square(difference).mean()))


def leave_out(
    work: Mapping[str, int], counting: Probe, ranking: Callable[[], Probe], *, goal: float, most: float
) -> tuple[list[KeptLayer], Change]:
    """Leave products unrounded, the most harmful for their work first, until few enough tags change.

    Args:
        work: MACs of each product that can be rounded.
        counting: a long text, on which changed labels are counted.
        ranking: makes a shorter one, on which each product is tried.
        goal: changed labels in 10,000, at most.
        most: share of all MACs that may be left out; beyond it the search ends, goal or not.

    Returns:
        What was left out, in that order, and the change that remains.
    """
    now = counting.without(())
    if now.per_10k <= goal:
        return [], now
    # One by one: the movement that is gone without it. Tags are too few to rank by; the movement is never 0.
    short = ranking()
    whole = short.without(()).movement
    gain = {name: 1 - short.without((name,)).movement / whole for name in work}
    kept: list[KeptLayer] = []
    total = sum(work.values())
    room = most * total
    for name in sorted(work, key=lambda name: -gain[name] / work[name]):
        # One that moves the logits by no more than its part in the work is like any other: none of these is the cause.
        if now.per_10k <= goal or gain[name] <= work[name] / total:
            break
        if work[name] > room:
            continue
        after = counting.without([*(each.name for each in kept), name])
        # By the movement again: a few tags more or less among some forty are chance.
        if after.movement >= now.movement:
            continue  # it is rounded: its speed would be given away for nothing
        reason = f"its rounding makes up {gain[name]:.0%} of what moves the logits"
        kept.append(KeptLayer(name, reason, work[name], now.per_10k, after.per_10k))
        now, room = after, room - work[name]
    return kept, now
