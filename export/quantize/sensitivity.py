"""Which linear layers to keep in higher precision: those whose quantization moves the logits most for their work.

It is given a way to measure, and knows nothing of graphs or backends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.bundle.attestation import KeptLayer
from runtime.screen.display import reached, stage, within
from runtime.text.agreement import changed_labels, per_10k

Logits = NDArray[np.float32]

# The most steps in which all layers would be kept. A model of up to so many layers (MiniLM has 36) keeps one at a time;
# of bert-large's 144, each step of which counts labels for a minute, three are kept together.
STEPS = 48


class Measuring(Protocol):
    """How far logits move on a text."""

    def keeping(self, kept: Collection[str]) -> Change:
        """How far, with those layers kept in higher precision."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """A text to measure on.

    Attributes:
        measure: logits with all layers quantized but those given. [words, labels]
        expected: logits of the graph that is quantized. [words, labels]
    """

    measure: Callable[[Collection[str]], Logits]
    expected: Logits

    def keeping(self, kept: Collection[str]) -> Change:
        """How far the logits move with those layers kept in higher precision."""
        return change(self.expected, self.measure(kept))


@dataclass(frozen=True, slots=True)
class Change:
    """How far logits moved.

    Attributes:
        words: compared.
        labels: of them changed.
        movement: mean square movement of the logits against each other.
    """

    words: int
    labels: int
    movement: float

    @property
    def per_10k(self) -> float:
        """Changed labels in 10,000 words."""
        return per_10k(self.labels, self.words)

    @property
    def likely_per_10k(self) -> float:
        """The same and one standard deviation of a Poisson count, its square root: other text may change as many."""
        return 1e4 * (self.labels + math.sqrt(self.labels)) / self.words if self.words else 0.0


def change(expected: Logits, found: Logits) -> Change:
    """Compare logits. Both: [words, labels]"""
    difference = found - expected
    # What all labels of a word have in common changes no score.
    difference -= difference.mean(axis=1, keepdims=True)
    labels = changed_labels(expected.argmax(axis=1), found.argmax(axis=1))
    return Change(len(expected), labels, float(np.square(difference).mean()))


def layers_to_keep(
    work: Mapping[str, int],
    counting: Callable[[], Measuring],
    ranking: Callable[[], Mapping[str, float]],
    *,
    goal: float,
    most: float,
    steps: int = STEPS,
) -> tuple[list[KeptLayer], Change]:
    """Keep layers in higher precision, the most harmful for their work first, until few enough labels change.

    Args:
        work: MACs of each layer that can be quantized.
        counting: makes a long text, on which changed labels are counted.
        ranking: finds the share of each layer in what moves the logits; asked where something must be kept.
        goal: changed labels in 10,000, at most, with one standard deviation of what was counted: who stops as soon as
            a count happens to be small enough, stops by chance.
        most: share of all MACs that may be kept in higher precision; beyond it the search ends, goal or not.
        steps: the most in which all layers would be kept: how many are kept together follows from it.

    Returns:
        What is kept, in that order, and the change that remains.
    """
    with stage("count") as counted:
        counted.within("labels before quantization")
        text = counting()
        counted.within("labels with every layer in 8 bits")
        now = text.keeping(())
        counted.remark = f"with every layer in 8 bits {_told(now, goal)}"
    if now.likely_per_10k <= goal:
        return [], now
    gain = ranking()
    with stage("keep") as keeping:
        together = math.ceil(len(work) / steps)
        kept, now = _kept(work, gain, text, now, goal=goal, most=most, together=together)
        keeping.remark = f"{len(kept)} of {len(work)} layers in higher precision: {_told(now, goal)}"
    return kept, now


def short_name(layer: str) -> str:
    """A linear layer's name for people: without what all have in common."""
    return layer.strip("/").removesuffix("/MatMul")


def _kept(
    work: Mapping[str, int],
    gain: Mapping[str, float],
    text: Measuring,
    now: Change,
    *,
    goal: float,
    most: float,
    together: int,
) -> tuple[list[KeptLayer], Change]:
    """What layers_to_keep returns, by the gain of each layer."""
    kept: list[KeptLayer] = []
    total = sum(work.values())
    room = most * total
    # One that moves the logits by no more than its part in the work is like any other: none of these is the cause.
    left = [name for name in work if gain[name] > work[name] / total]
    left.sort(key=lambda name: -gain[name] / work[name])
    while now.likely_per_10k > goal and (tried := _fitting(left, work, room, together)):
        left = left[left.index(tried[-1]) + 1 :]
        within(f"{len(kept)} layers kept so far: {_told(now, goal)}; next {', '.join(map(short_name, tried))}")
        after = text.keeping([*(each.name for each in kept), *tried])
        # Judged by the movement, as the ranking is: a few labels more or less among some forty are chance.
        if after.movement >= now.movement:
            continue  # they are quantized: keeping them would cost speed and gain nothing
        for name in tried:
            reason = f"its quantization causes {gain[name]:.0%} of what moves the logits"
            kept.append(KeptLayer(name, reason, work[name], now.per_10k, after.per_10k))
            room -= work[name]
        now = after
    return kept, now


def _fitting(names: Sequence[str], work: Mapping[str, int], room: float, most: int) -> list[str]:
    """The first so many of the layers whose work there is room for."""
    chosen: list[str] = []
    for name in names:
        if len(chosen) < most and work[name] <= room:
            chosen.append(name)
            room -= work[name]
    return chosen


def one_by_one(work: Mapping[str, int], text: Callable[[], Measuring]) -> dict[str, float]:
    """A ranking by a graph a layer: the share of the movement that is gone if that layer alone is kept.

    Changed labels are too few to rank by; the movement is never 0.

    Args:
        work: MACs of each layer that can be quantized.
        text: makes the text on which each layer is tried.
    """
    with stage("rank", total=len(work) + 1) as ranked:
        made = text()
        reached(0, "every layer in 8 bits")
        whole = made.keeping(()).movement
        gains = {}
        for number, name in enumerate(work, 1):
            reached(number, short_name(name))
            gains[name] = 1 - made.keeping((name,)).movement / whole
        ranked.remark = f"{len(work)} layers, each in higher precision by itself"
    return gains


def at_once(movements: Callable[[], Mapping[str, float]]) -> dict[str, float]:
    """A ranking by how far the quantization of each layer moves the logits, all of which are found together."""
    with stage("rank") as ranked:
        moved = movements()
        ranked.remark = f"{len(moved)} layers by one pass"
    whole = sum(moved.values()) or 1.0
    return {name: each / whole for name, each in moved.items()}


def _told(change: Change, goal: float) -> str:
    """What a person is told of changed labels."""
    return f"{change.per_10k:.1f} labels in 10,000 change, likely {change.likely_per_10k:.1f}; goal {goal:.0f}"
