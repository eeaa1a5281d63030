"""The gate: how far a candidate may stray from its checkpoint, by precision. How it is measured is not said here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.bundle.store import Precision


@dataclass(frozen=True, slots=True)
class Bound:
    """One line of the gate.

    Attributes:
        figure: name of the measured figure; export.certify says what each is.
        text: the same for a reader, with its unit.
        limit: the figure must be at most this, or at least this.
        at_least: which of the two.
    """

    figure: str
    text: str
    limit: float
    at_least: bool = False

    def holds(self, measured: Mapping[str, float | int | None]) -> bool:
        """Whether the figure is within its limit; one that could not be measured (None) is not held against it."""
        value = measured[self.figure]
        return value is None or (value >= self.limit if self.at_least else value <= self.limit)


def _bounds(*, changed: float, f1_lost: float, agreement: float) -> tuple[Bound, ...]:
    return (
        Bound("not_finite", "logits not finite", 0),
        Bound("changed_per_10k", "changed labels in 10,000", changed),
        Bound("f1_lost", "entity F1 lost, points", f1_lost),
        Bound("agreement", "agreement of entities, F1", agreement, at_least=True),
        Bound("alone_changed_per_10k", "changed when alone, in 10,000", changed),
        Bound("rows_changed_per_10k", "changed in full rows, in 10,000", changed),
    )


# fp32 may differ by the order of its sums alone, which moves logits by some millionths of the largest. A graph that
# differs by more has another weight or operator, even where no tag has changed yet. Lower precisions: by tags alone.
_LOGITS = Bound("relative_logit_difference", "logit difference / largest logit", 1e-4)

GATE: dict[Precision, tuple[Bound, ...]] = {
    "fp32": (*_bounds(changed=0, f1_lost=0, agreement=1), _LOGITS),
    "fp16": _bounds(changed=2, f1_lost=0.02, agreement=0.998),
    "bf16": _bounds(changed=2, f1_lost=0.02, agreement=0.998),
    "int8": _bounds(changed=10, f1_lost=0.10, agreement=0.990),
    "fp8": _bounds(changed=10, f1_lost=0.10, agreement=0.990),
}
