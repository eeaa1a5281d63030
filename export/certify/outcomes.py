"""What certifying came to for each candidate: kept with its certificate, or left out, and why."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from runtime.bundle.certificate import Candidate, Certificate
from runtime.bundle.gate import failures
from runtime.errors import GateError

FIGURES = ("changed_per_10k", "changed_per_10k_upper", "candidate_f1")
"""What a person is told of a candidate; export.certify.certify_bundle says what each is."""


_REASONS = {
    "not_finite": "logits that are not finite",
    "changed_per_10k": "too many labels changed",
    "f1_lost": "too much F1 lost",
    "agreement": "too few entities agree",
    "alone_changed_per_10k": "too many changed when alone",
    "rows_changed_per_10k": "too many changed in rows",
    "relative_logit_difference": "logits too far apart",
    "sure_changed": "sure labels changed",
    "elsewhere_changed_per_10k": "too many labels changed elsewhere",
    "elsewhere_f1_lost": "too much F1 lost elsewhere",
    "elsewhere_agreement": "too few entities agree elsewhere",
    "elsewhere_sure_changed": "sure labels changed elsewhere",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One candidate's.

    Attributes:
        candidate: what was tried.
        kept: whether the bundle gets its certificate.
        reason: why it is kept or left out, in about five words.
        certificate: what was measured; None where it could not answer at all, or where only the figures are left.
        figures: those of FIGURES that were measured.
        fault: why the bundle fails unless another backend serves the file; None where it does not.
    """

    candidate: Candidate
    kept: bool
    reason: str
    certificate: Certificate | None = None
    figures: Mapping[str, float | int | None] = field(default_factory=dict)
    fault: GateError | None = None


def measured(certificate: Certificate, *, kept: bool, reason: str) -> Outcome:
    """The outcome of a candidate that could be measured."""
    figures = {name: certificate.measured.get(name) for name in FIGURES}
    return Outcome(certificate.candidate, kept, reason, certificate, figures)


def certificates_of(outcomes: Sequence[Outcome]) -> tuple[Certificate, ...]:
    """The certificates of those that are kept."""
    return tuple(each.certificate for each in outcomes if each.kept and each.certificate)


def still_vouched(
    before: Sequence[Certificate], outcomes: Sequence[Outcome], doubted: Container[Candidate]
) -> tuple[Certificate, ...]:
    """Certificates of candidates that could not be tried here, such as a GPU's, which speak of the same files still.

    Args:
        before: certificates that the manifest has.
        outcomes: of certifying once more.
        doubted: candidates whose certificates do not vouch for what the bundle holds.
    """
    tried = {each.candidate for each in outcomes}
    return tuple(one for one in before if one.candidate not in tried and one.candidate not in doubted)


def still_failed(before: Sequence[Certificate], outcomes: Sequence[Outcome]) -> tuple[Certificate, ...]:
    """What a bundle's candidates have failed on by now: the new, and what they failed on before and did not pass since.

    Args:
        before: failures that the manifest has.
        outcomes: of certifying once more; only a pass on the same texts takes a failure back. On a CPU that cuts sums
            off, a failure says nothing about the file.
    """
    found = [each.certificate for each in outcomes if each.certificate]
    failed = [one for one in found if not one.passed and "no vnni" not in one.cpu_requirements]
    settled = {one.trial for one in found}
    return (*failed, *(one for one in before if one.trial not in settled))


def failed_bounds(certificate: Certificate) -> str:
    """The limits that do not hold, each with what was measured; empty where all hold."""
    told = ((bound, certificate.measured.get(bound.figure)) for bound in failures(certificate))
    return ", ".join(f"{bound.text} {_shown(value)}, limit {bound.limit:g}" for bound, value in told)


def reason_of(certificate: Certificate) -> str:
    """Why a candidate that fails is left out: the first limit that does not hold, in about five words."""
    return next((_REASONS[bound.figure] for bound in failures(certificate)), "its certificate failed")


def _shown(value: float | int | None) -> str:
    return "not measured" if value is None else f"{value:.3g}"
