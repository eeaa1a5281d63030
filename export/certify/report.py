"""What the export stage shows on the screen: stages with their times, and certificates, in a line or in full."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.bundle.gate import EVIDENCE, GATE, Bound
from runtime.bundle.store import Certificate


@contextmanager
def stage(name: str) -> Iterator[list[str]]:
    """Announce a stage, and afterwards what it took.

    What the body appends is shown: one remark behind the time, several on a line each.
    """
    print(f"{name:<12}", end=" ", flush=True)
    begun = time.perf_counter()
    said: list[str] = []
    try:
        yield said
    except BaseException:
        print("failed", flush=True)
        raise
    alone = said[0] if len(said) == 1 else ""
    print(f"{time.perf_counter() - begun:7.1f} s  {alone}".rstrip())
    for remark in said if not alone else ():
        print(f"  {remark}")
    sys.stdout.flush()


def summary(certificate: Certificate) -> str:
    """A certificate in one line: how many labels changed, or which limits do not hold."""
    measured = certificate.measured
    if certificate.passed:
        upper = f"95% sure: at most {measured['changed_per_10k_upper']:.3g} in 10,000"
        f1 = measured["candidate_f1"]
        told = f"{measured['changed_labels']} of {measured['words']:,} labels changed ({upper})"
        return f"{certificate.candidate}: passed, {told}{'' if f1 is None else f', F1 {f1:.4f}'}"
    failed = [bound for bound in GATE[certificate.precision] if not bound.holds(measured)]
    limits = ", ".join(f"{bound.text} {measured[bound.figure]:.3g}, limit {bound.limit:g}" for bound in failed)
    return f"{certificate.candidate}: failed, {limits}"


def show_certificate(certificate: Certificate) -> None:
    """Print the figures that the gate bounds, each with its limit, then F1 against gold and the verdict."""
    measured, libraries = certificate.measured, certificate.versions
    engine = f"{certificate.backend} {libraries.get(certificate.backend, '')} in {certificate.precision}"
    print(f"\n{certificate.file} on {engine}, {certificate.device}, against PyTorch {libraries['torch']} fp32")
    print(f"{certificate.corpus}: {measured['sentences']:,} sentences, {measured['words']:,} words", end="")
    print(f", {measured['left_out']} longer than the model left out" if measured["left_out"] else "")
    print(f"  {'':<34}{'measured':>12}{'limit':>12}")
    for bound in GATE[certificate.precision]:
        _show_bound(bound, measured[bound.figure], holds=bound.holds(measured))
    upper = f"95% sure: at most {measured['changed_per_10k_upper']:.3g} in 10,000"
    print(f"  {'labels changed':<34}{measured['changed_labels']:>12,}{'':>12}  of {measured['words']:,}; {upper}")
    for name in ("reference", "candidate"):
        f1 = measured[f"{name}_f1"]
        print(f"  {f'entity F1 of the {name}':<34}{'-' if f1 is None else f'{f1:.4f}':>12}")
    lacking = EVIDENCE.lacks(measured, certificate.entities)
    grade = f", limited evidence: {', '.join(lacking)}" if lacking else ""
    print(f"  {'PASSED' if certificate.passed else 'FAILED'}{grade}\n", flush=True)


def _show_bound(bound: Bound, value: float | int | None, *, holds: bool) -> None:
    shown = "-" if value is None else f"{value:.3g}"
    verdict = "not measured" if value is None else "ok" if holds else "FAILED"
    sign = ">=" if bound.at_least else "<="
    print(f"  {bound.text:<34}{shown:>12}{f'{sign} {bound.limit:g}':>12}  {verdict}")
