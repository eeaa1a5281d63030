"""Certificates for people: in a line, and in full where one fails that must not."""

from __future__ import annotations

from collections.abc import Iterator

from export.certify.outcomes import failed_bounds
from runtime.bundle.gate import ELSEWHERE, GATE, SURE, Bound, lacking_evidence
from runtime.bundle.store import Certificate
from runtime.screen.display import Table, Tone, note, table


def summary(certificate: Certificate) -> str:
    """A certificate in one line: how many labels changed, or which limits do not hold."""
    measured = certificate.measured
    if certificate.passed:
        upper = f"95% sure: at most {measured['changed_per_10k_upper']:.3g} in 10,000"
        f1 = measured["candidate_f1"]
        told = f"{measured['changed_labels']} of {measured['words']:,} labels changed ({upper})"
        return f"{certificate.candidate}: passed, {told}{'' if f1 is None else f', F1 {f1:.4f}'}"
    return f"{certificate.candidate}: left out, {failed_bounds(certificate)}"


def show_certificate(certificate: Certificate) -> None:
    """Show the figures that the gate bounds, each with its limit, then F1 against gold and the verdict."""
    measured, libraries = certificate.measured, certificate.versions
    engine = f"{certificate.backend} {libraries.get(certificate.backend, '')} in {certificate.precision}"
    note(f"{certificate.file} on {engine}, {certificate.device}, against PyTorch {libraries['torch']} fp32")
    left_out = f", {measured['left_out']} longer than the model left out" if measured["left_out"] else ""
    note(f"{certificate.corpus}: {measured['sentences']:,} sentences, {measured['words']:,} words{left_out}")
    bounds = GATE[certificate.precision]
    rows = [_bound(bound, measured.get(bound.figure), holds=bound.holds(measured)) for bound in bounds]
    tones: list[Tone] = ["plain" if bound.holds(measured) else "bad" for bound in bounds]
    upper = f"95% sure: at most {measured['changed_per_10k_upper']:.3g} in 10,000"
    rows.append(("labels changed", f"{measured['changed_labels']:,}", "", f"of {measured['words']:,}; {upper}"))
    for name in ("reference", "candidate"):
        f1 = measured[f"{name}_f1"]
        rows.append((f"entity F1 of the {name}", "-" if f1 is None else f"{f1:.4f}", "", ""))
    tones += ["plain"] * (len(rows) - len(tones))
    table(Table(("", "measured", "limit", ""), tuple(rows), tuple(tones), frozenset({1, 2})))
    for said in _confidence(certificate):
        note(said)
    lacking = lacking_evidence(certificate)
    grade = f", limited evidence: {', '.join(lacking)}" if lacking else ""
    note(f"{'PASSED' if certificate.passed else 'FAILED'}{grade}")


def _confidence(certificate: Certificate) -> Iterator[str]:
    """How sure the checkpoint was where labels changed, a line for each of the two texts."""
    measured = certificate.measured
    texts = [("", certificate.corpus)] + ([(ELSEWHERE, certificate.elsewhere)] if certificate.elsewhere else [])
    for prefix, name in texts:
        changed, words = (measured.get(f"{prefix}{figure}") or 0 for figure in ("sure_changed", "sure_words"))
        said = f"{name}: {changed} labels changed of {words:,} that the checkpoint is {SURE:.0%} sure of"
        if (median := measured.get(f"{prefix}margin_median")) is not None:
            largest = measured[f"{prefix}margin_largest"]
            said += f"; where labels changed, its first led by {median:.2f} (median), at most {largest:.2f}"
        yield said


def _bound(bound: Bound, value: float | int | None, *, holds: bool) -> tuple[str, str, str, str]:
    shown = "-" if value is None else f"{value:.3g}"
    verdict = "not measured" if value is None else "ok" if holds else "FAILED"
    return bound.text, shown, f"{'>=' if bound.at_least else '<='} {bound.limit:g}", verdict
