"""What speaks against the certificates of a manifest: their own figures, too little evidence, other files, or a text
that the candidate failed on later.

It believes no `passed`. It reads no file: that each is what the manifest says, runtime.bundle.store has seen to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from runtime.bundle.certificate import CERTIFY, Candidate, Certificate
from runtime.bundle.gate import ELSEWHERE, Bound, contradictions, failures, lacking_evidence
from runtime.bundle.manifest import CONFIG, TOKENIZER, Manifest
from runtime.errors import UncertifiedError

_MORE_TEXT = "certify it on more text with `python -m export.certify`, or ask for limited evidence"
_FAILED = "choose another candidate, or allow uncertified ones; it is served again once it passes on that text"


def doubts(manifest: Manifest, *, limited: bool) -> dict[Candidate, UncertifiedError]:
    """Why certificates do not vouch for their candidates; those that do are left out.

    Args:
        manifest: whose certificates.
        limited: let a certificate that rests on little text vouch, too.
    """
    found = ((one, _doubt(one, manifest, limited=limited)) for one in manifest.certificates)
    # A text that it failed on outweighs all texts that it passed on.
    return {one.candidate: error for one, error in found if error} | {
        one.candidate: UncertifiedError(str(one.candidate), f"it failed on {_where(one)}", _FAILED)
        for one in manifest.failed
    }


def text_failed_on(failed: Certificate) -> str:
    """Which of its two texts a certificate failed on."""
    bounds = failures(failed)
    elsewhere = bounds and all(bound.figure.startswith(ELSEWHERE) for bound in bounds)
    return (failed.elsewhere if elsewhere else failed.corpus) or "a text without a name"


def _where(failed: Certificate) -> str:
    """The text, and by what it failed; by the gate of another version, where today's finds nothing."""
    return f"{text_failed_on(failed)} ({_told(failed) or 'by the gate of the version that certified it'})"


def _told(certificate: Certificate) -> str:
    return ", ".join(f"{bound.text} {_shown(certificate, bound)}" for bound in failures(certificate))


def interface_sha256(manifest: Manifest) -> str:
    """Digest over what the runtime believes of the model besides its files: labels in order, limits, scheme, CRF."""
    told: list[object] = [list(manifest.labels), manifest.max_length, manifest.vocabulary]
    # Certificates of bundles that do not name a scheme hold on.
    told += [manifest.label_scheme] if manifest.label_scheme else []
    told += [[crf.start, crf.end, crf.steps] for crf in manifest.crf]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _doubt(certificate: Certificate, manifest: Manifest, *, limited: bool) -> UncertifiedError | None:
    subject = str(certificate.candidate)
    if failures(certificate):
        return UncertifiedError(subject, f"its figures fail the gate ({_told(certificate)})", CERTIFY)
    if odd := contradictions(certificate):
        return UncertifiedError(subject, f"its figures contradict each other ({', '.join(odd)})", CERTIFY)
    if changed := _changed(certificate, manifest):
        return UncertifiedError(subject, f"certified with another {changed}", CERTIFY)
    if not certificate.probe.texts:
        return UncertifiedError(subject, "its certificate has no answers to check it by", CERTIFY)
    lacking = lacking_evidence(certificate)
    if lacking and not limited:
        return UncertifiedError(subject, f"limited evidence: {', '.join(lacking)}", _MORE_TEXT)
    return None


def _shown(certificate: Certificate, bound: Bound) -> str:
    value = certificate.measured.get(bound.figure)
    # Bundles of earlier versions lack the gate's later rows.
    return "not measured" if value is None else f"{value:.4g}, limit {bound.limit:g}"


def _changed(certificate: Certificate, manifest: Manifest) -> str:
    """The first thing that is not what the candidate was measured on; empty where all is."""
    held: Mapping[str, str] = {name: digest.sha256 for name, digest in manifest.files.items()}
    for name in sorted({TOKENIZER, CONFIG, certificate.file, *certificate.files}):
        if name not in certificate.files or held.get(name) != certificate.files[name]:
            return name
    return "list of labels or limits" if certificate.interface_sha256 != interface_sha256(manifest) else ""
