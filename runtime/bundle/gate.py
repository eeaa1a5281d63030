"""The gate: how far a candidate may stray from its checkpoint, by precision, and how much text must have been compared.

Export holds new certificates against it. The runtime holds every certificate that it reads against it once more: what a
manifest says about itself proves nothing. How figures are measured is not said here; export.certify does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.bundle.certificate import Certificate, Precision

Figures = Mapping[str, float | int | None]
_F1_LOST = "f1_lost"
ELSEWHERE = "elsewhere_"
"""Begins the names of figures that were measured on text from elsewhere."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One line of the gate.

    Attributes:
        figure: name of the measured figure; export.certify says what each is.
        text: the same for a reader, with its unit.
        limit: the figure must be at most this, or at least this.
        at_least: which of the two.
        may_lack: whether a certificate without the figure passes: F1 needs gold labels that the checkpoint knows.
    """

    figure: str
    text: str
    limit: float
    at_least: bool = False
    may_lack: bool = False

    def holds(self, measured: Figures) -> bool:
        """Whether the figure is there and within its limit; NaN is within none."""
        value = measured.get(self.figure)
        if value is None:
            return self.may_lack
        return value >= self.limit if self.at_least else value <= self.limit


def _bounds(*, changed: float, f1_lost: float, agreement: float) -> tuple[Bound, ...]:
    return (
        Bound("not_finite", "logits not finite", 0),
        Bound("changed_per_10k", "changed labels in 10,000", changed),
        Bound(_F1_LOST, "entity F1 lost, points", f1_lost, may_lack=True),
        Bound("agreement", "agreement of entities, F1", agreement, at_least=True),
        Bound("alone_changed_per_10k", "changed when alone, in 10,000", changed),
        Bound("rows_changed_per_10k", "changed in full rows, in 10,000", changed),
    )


# fp32 may differ by the order of its sums alone, which moves logits by some millionths of the largest. A graph that
# differs by more has another weight or operator, even where no label has changed yet. Lower precisions: labels alone.
_LOGITS = Bound("relative_logit_difference", "logit difference / largest logit", 1e-4)

SURE = 0.95
"""From this probability of a label on, the checkpoint is sure of it."""
# Rounding moves labels that the checkpoint hardly prefers to another. One that moves a label it was sure of is a fault.
# In fp32 no label at all may change, so that the row would say nothing more.
_SURE = Bound("sure_changed", "changed where the checkpoint is sure", 0)
# On text from elsewhere a checkpoint is in doubt more often (MiniLM trained on CoNLL-2003: its first label leads by
# less than 0.1 at 0.21% of the words of CoNLL-2003's valid.txt, 0.54% of the generated news, 0.72% of Wikigold's). So
# twice as many labels may change, but F1 may fall no further, and none may change where the checkpoint is sure.
_ELSEWHERE = (
    Bound("elsewhere_changed_per_10k", "changed elsewhere, in 10,000", 20),
    Bound("elsewhere_f1_lost", "entity F1 lost elsewhere, points", 0.10, may_lack=True),
    Bound("elsewhere_agreement", "agreement elsewhere, F1", 0.980, at_least=True),
    Bound("elsewhere_sure_changed", "changed elsewhere where it is sure", 0),
)

GATE: dict[Precision, tuple[Bound, ...]] = {
    "fp32": (*_bounds(changed=0, f1_lost=0, agreement=1), _LOGITS),
    "fp16": (*_bounds(changed=2, f1_lost=0.02, agreement=0.998), _SURE),
    "bf16": (*_bounds(changed=2, f1_lost=0.02, agreement=0.998), _SURE),
    "int8": (*_bounds(changed=10, f1_lost=0.10, agreement=0.990), _SURE, *_ELSEWHERE),
    "fp8": (*_bounds(changed=10, f1_lost=0.10, agreement=0.990), _SURE, *_ELSEWHERE),
    # Weights of 4 bits, which graphs of others have and export does not make.
    "int4": (*_bounds(changed=10, f1_lost=0.10, agreement=0.990), _SURE, *_ELSEWHERE),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much must have been compared for a certificate of the full grade.

    Attributes:
        words: at least. With fewer than 10,000, the gate's "in 10,000" would be a guess.
        distinct_sentences: at least. A thousand copies of one sentence say no more than the sentence.
        entities: at least, of each type that the checkpoint knows and the corpus labels.
        left_out: largest share of the sentences that were too long to compare.
    """

    words: int = 10_000
    distinct_sentences: int = 300
    entities: int = 10
    left_out: float = 0.1

    def lacks(self, measured: Figures, entities: Mapping[str, int]) -> tuple[str, ...]:
        """What is missing, each as "had of needed"; empty for the full grade.

        Args:
            measured: the figures words, distinct_sentences, sentences and left_out.
            entities: gold entities by type, of the types that the checkpoint knows.
        """
        counts = [("words", self.words), ("distinct_sentences", self.distinct_sentences)]
        found = [
            f"{measured.get(name) or 0:,} of {least:,} {name.replace('_', ' ')}"
            for name, least in counts
            if not (measured.get(name) or 0) >= least
        ]
        found += [
            f"{count:,} of {self.entities} {name} entities"
            for name, count in sorted(entities.items())
            if count < self.entities
        ]
        if self.entities and not entities:
            found.append("no entity of a type that the checkpoint knows")
        share = left_out_share(measured)
        if not share <= self.left_out:
            found.append(f"{share:.0%} of the sentences left out as too long, at most {self.left_out:.0%}")
        return tuple(found)


# In fp32 the order of sums is all that may differ. Of lower precisions, another CPU's or GPU's rounding moves single
# logits by some hundredths of the largest; another weight or a broken kernel moves them by more.
PROBE_TOLERANCE: dict[Precision, float] = {
    **dict.fromkeys(("fp16", "bf16", "int8", "fp8", "int4"), 0.05),
    "fp32": 1e-4,
}
"""How far logits of a loaded candidate may lie from its certificate's, over the largest of them; see self_check."""

_COUNTS = tuple(f"{prefix}{name}" for prefix in ("", ELSEWHERE) for name in ("changed_labels", "words"))
_ROUNDING = 1e-6
"""How far a figure may lie from what it is computed from: JSON holds all digits of both."""

EVIDENCE = Evidence()
"""What a certificate of the full grade rests on."""

ELSEWHERE_EVIDENCE = Evidence(words=5_000, entities=0, left_out=0.5)
"""What the rows about text from elsewhere rest on: 5,000 words tell the limit of 20 in 10,000 from 40. Its labels may
be other than the checkpoint's, so that no entities are asked for; its sentences may be longer than a small model's
rows, for nobody chose it for that model."""

LIMITED_EVIDENCE = Evidence(words=1, distinct_sentences=1, entities=0, left_out=1.0)
"""What any certificate rests on: something was compared."""


def failures(certificate: Certificate) -> list[Bound]:
    """The bounds of its precision that the certificate's figures do not hold."""
    found = [bound for bound in GATE[certificate.precision] if not bound.holds(certificate.measured)]
    # F1 may lack where no gold label is one that the checkpoint knows. Here some were, and were counted.
    if certificate.entities and certificate.measured.get(_F1_LOST) is None:
        found += [bound for bound in GATE[certificate.precision] if bound.figure == _F1_LOST]
    return found


def contradictions(certificate: Certificate) -> tuple[str, ...]:
    """The figures of its gate that are none: that follow otherwise from others of its figures, or lie out of range."""
    measured = certificate.measured
    found = [f"{name} {measured[name]}" for name in _COUNTS if not isinstance(measured.get(name), int | None)]
    for bound in GATE[certificate.precision]:
        value, expected = measured.get(bound.figure), _derived(bound.figure, measured)
        if value is None:
            continue
        if expected is not None and abs(value - expected) > _ROUNDING:
            found.append(f"{bound.text} {value:g}, by the others {expected:g}")
        # Of F1 more can be won than lost; no other figure can be less than nothing, and no agreement more than whole.
        elif (value < 0 and not bound.may_lack) or (bound.at_least and value > 1):
            found.append(f"{bound.text} {value:g}")
    return tuple(found)


def _derived(name: str, measured: Figures) -> float | None:
    """What a figure must be by those that it is computed from; None where they are not there, or there are none."""
    prefix = ELSEWHERE if name.startswith(ELSEWHERE) else ""
    of = {part: measured.get(f"{prefix}{part}") for part in ("changed_labels", "words", "reference_f1", "candidate_f1")}
    changed, words, reference, candidate = of.values()
    if name == f"{prefix}changed_per_10k" and changed is not None and words is not None:
        return 1e4 * changed / max(1, words)  # as runtime.text.agreement, which needs numpy
    if name == f"{prefix}f1_lost" and reference is not None and candidate is not None:
        return 100 * (reference - candidate)
    return None


def lacking_evidence(certificate: Certificate) -> tuple[str, ...]:
    """What a certificate rests on too little of, for the full grade; empty where it rests on enough."""
    measured = certificate.measured
    lacking = EVIDENCE.lacks(measured, certificate.entities)
    if is_held_elsewhere(certificate.precision):
        elsewhere = {
            name.removeprefix(ELSEWHERE): count for name, count in measured.items() if name.startswith(ELSEWHERE)
        }
        lacking += tuple(f"{each} from elsewhere" for each in ELSEWHERE_EVIDENCE.lacks(elsewhere, {}))
    return lacking


def is_held_elsewhere(precision: Precision) -> bool:
    """Whether the gate has rows about text from elsewhere for that precision."""
    return any(bound.figure.startswith(ELSEWHERE) for bound in GATE[precision])


def left_out_share(measured: Figures) -> float:
    """Share of the sentences that were too long to be compared, 0 to 1; all of them where nothing was compared."""
    compared, left_out = measured.get("sentences") or 0, measured.get("left_out") or 0
    return left_out / (compared + left_out) if compared else 1.0
