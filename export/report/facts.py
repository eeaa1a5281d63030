"""All that is known of a bundle, as plain values: what report.json holds, and what report.html is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from export.report.rows import Row
from runtime.bundle.gate import GATE, lacking_evidence
from runtime.bundle.store import MANIFEST, Bundle, Certificate, digest_of
from runtime.screen.display import Told

NAME = "nerve_report"
_SCHEMA = 1

Facts = dict[str, Any]


def facts_of(bundle: Bundle, rows: Sequence[Row], told: Sequence[Told]) -> Facts:
    """The facts, in the order in which a reader wants them.

    Args:
        bundle: sealed.
        rows: of its candidates.
        told: stages of the command that made or changed it.
    """
    manifest = bundle.manifest
    return {
        NAME: _SCHEMA,
        "manifest_sha256": digest_of(bundle.path / MANIFEST).sha256,
        "checkpoint": asdict(manifest.checkpoint),
        "labels": list(manifest.labels),
        "max_length": manifest.max_length,
        "candidates": [asdict(row) for row in rows],
        "certificates": [_certificate(each) for each in manifest.certificates],
        "attestations": [asdict(each) for each in manifest.attestations],
        "speeds": [asdict(each) for each in manifest.speeds],
        "profiles": [asdict(each) for each in manifest.profiles],
        "readings": [asdict(each) for each in manifest.readings],
        "stages": [asdict(each) for each in told],
        "files": {name: asdict(digest) for name, digest in manifest.files.items()},
        "versions": dict(manifest.versions),
    }


def _certificate(certificate: Certificate) -> Facts:
    """A certificate with the gate's verdict on each figure; without the probe, which is for the runtime alone."""
    measured = certificate.measured
    bounds = [
        {
            "text": bound.text,
            "measured": measured.get(bound.figure),
            "limit": bound.limit,
            "at_least": bound.at_least,
            "holds": bound.holds(measured),
        }
        for bound in GATE[certificate.precision]
    ]
    lacks = list(lacking_evidence(certificate))
    told = {name: value for name, value in asdict(certificate).items() if name != "probe"}
    return {**told, "gate": bounds, "full_evidence_lacks": lacks}
