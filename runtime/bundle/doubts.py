"""What speaks against the certificates of a manifest: their own figures, too little evidence, or other files.

It believes no `passed`. It reads no file: that each is what the manifest says, runtime.bundle.store has seen to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from runtime.bundle.certificate import CERTIFY, Candidate, Certificate
from runtime.bundle.gate import EVIDENCE, failures
from runtime.bundle.manifest import CONFIG, TOKENIZER, Manifest
from runtime.errors import UncertifiedError

_MORE_TEXT = "certify it on more text with `python -m export.certify`, or ask for limited evidence"


def doubts(manifest: Manifest, *, limited: bool) -> dict[Candidate, UncertifiedError]:
    """Why certificates do not vouch for their candidates; those that do are left out.

    Args:
        manifest: whose certificates.
        limited: let a certificate that rests on little text vouch, too.
    """
    found = ((one, _doubt(one, manifest, limited=limited)) for one in manifest.certificates)
    return {one.candidate: error for one, error in found if error}


def interface_sha256(manifest: Manifest) -> str:
    """Digest over what the runtime believes of the model besides its files: labels in order, limits, and the scheme."""
    told: list[object] = [list(manifest.labels), manifest.max_length, manifest.vocabulary]
    # Certificates of bundles that do not name a scheme hold on.
    told += [manifest.label_scheme] if manifest.label_scheme else []
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _doubt(certificate: Certificate, manifest: Manifest, *, limited: bool) -> UncertifiedError | None:
    subject = str(certificate.candidate)
    if failed := failures(certificate):
        told = ", ".join(f"{bound.text} {certificate.measured.get(bound.figure)}" for bound in failed)
        return UncertifiedError(subject, f"its figures fail the gate ({told})", CERTIFY)
    if changed := _changed(certificate, manifest):
        return UncertifiedError(subject, f"certified with another {changed}", CERTIFY)
    if not certificate.probe.texts:
        return UncertifiedError(subject, "its certificate has no answers to check it by", CERTIFY)
    lacking = EVIDENCE.lacks(certificate.measured, certificate.entities)
    if lacking and not limited:
        return UncertifiedError(subject, f"limited evidence: {', '.join(lacking)}", _MORE_TEXT)
    return None


def _changed(certificate: Certificate, manifest: Manifest) -> str:
    """The first thing that is not what the candidate was measured on; empty where all is."""
    held: Mapping[str, str] = {name: digest.sha256 for name, digest in manifest.files.items()}
    for name in sorted({TOKENIZER, CONFIG, certificate.file, *certificate.files}):
        if name not in certificate.files or held.get(name) != certificate.files[name]:
            return name
    return "list of labels or limits" if certificate.interface_sha256 != interface_sha256(manifest) else ""
