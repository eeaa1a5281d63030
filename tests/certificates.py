"""Certificates that the runtime believes, and files for manifests, for bundles that tests make without export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runtime.bundle.certificate import Certificate, Probe
from runtime.bundle.doubts import interface_sha256
from runtime.bundle.gate import ELSEWHERE, GATE
from runtime.bundle.store import CONFIG, TOKENIZER, Manifest, digest_of, seal

NEVER_ASKED = Probe((("Paris",),), "")
"""For bundles that are not loaded."""


def vouching(certificate: Certificate, manifest: Manifest, probe: Probe = NEVER_ASKED) -> Certificate:
    """The same with perfect figures on enough text, and bound to the files of the manifest."""
    perfect = {bound.figure: bound.limit if bound.at_least else 0 for bound in GATE[certificate.precision]}
    text = {"words": 20_000, "sentences": 1_000, "distinct_sentences": 1_000, "left_out": 0}
    changes = {"changed_labels": 0, "changed_per_10k_upper": 1.5}
    return replace(
        certificate,
        measured={**perfect, **text, **changes, **{f"{ELSEWHERE}{name}": count for name, count in text.items()}},
        passed=True,
        entities={"PER": 500},
        files={name: manifest.files[name].sha256 for name in (TOKENIZER, CONFIG, certificate.file)},
        interface_sha256=interface_sha256(manifest),
        probe=probe,
    )


def with_files(folder: Path, manifest: Manifest) -> Manifest:
    """The manifest, sealed in the folder beside a file of a few bytes for each name that it needs."""
    names = {TOKENIZER, CONFIG, *(graph.file for graph in manifest.graphs), *(one.file for one in manifest.engines)}
    for name in names:
        (folder / name).write_text(name, encoding="utf-8")
    whole = replace(manifest, files={name: digest_of(folder / name) for name in sorted(names)})
    seal(folder, whole)
    return whole
