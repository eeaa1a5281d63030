"""Manifests with values changed, sealed again as anybody can, and read as every start reads them.

Right is a manifest whose certificates vouch exactly where a second, independent reading of the same JSON says so: by
the gate's figures as the README has them, on enough text, bound to the files, labels and limits that are there.
"""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

from runtime.bundle.certificate import ANY, Candidate
from runtime.bundle.store import MANIFEST, Bundle, read_bundle, seal
from runtime.selection import choose
from tests.fuzz.change import JUNK, changed_json
from tests.fuzz.kind import Case, check
from tests.fuzz.kinds.bundles import WORDS, sealed
from tests.lookup import lookup_bundle

# changed labels in 10,000 and F1 points lost at most, agreement at least
GATE = {
    "fp32": (0, 0, 1.0),
    "fp16": (2, 0.02, 0.998),
    "bf16": (2, 0.02, 0.998),
    "int8": (10, 0.1, 0.99),
    "fp8": (10, 0.1, 0.99),
    "int4": (10, 0.1, 0.99),
}
# Near the gate's bounds and the evidence's.
NEAR = (0, 1, 2, 10, 10.0000001, 0.1, 0.02, 0.998, 0.99, 1.0, 9_999, 10_000, 299, 300, 9, 1e-4, 1.1e-4, 0.9979999, 2.5)


def open_case(folder: Path) -> Case:
    """See the module."""
    intact = json.loads((lookup_bundle(folder / "bundle", WORDS) / MANIFEST).read_text())
    intact.pop("digest")
    place = folder / "bundle"

    def case(chance: random.Random) -> None:
        value = changed_json(intact, chance, (*JUNK, *NEAR))
        raw = sealed(value)
        if chance.random() < 0.05:
            raw = raw[: chance.randrange(len(raw))]
        (place / MANIFEST).write_bytes(raw)
        limited = chance.random() < 0.3
        bundle = read_bundle(place, limited=limited)
        _check_certificates(bundle, value, limited=limited)
        again = place.with_name("again")
        again.mkdir(exist_ok=True)
        seal(again, bundle.manifest)
        read_again = read_bundle(again, limited=limited)
        check(read_again.manifest == bundle.manifest, "another manifest once it was written", bundle.manifest)
        check({*read_again.doubts} == {*bundle.doubts}, "other doubts once it was written", bundle.doubts)
        chosen = choose(bundle, ANY)
        check(chosen not in bundle.doubts, "chosen in spite of doubts", chosen)

    return case


def _check_certificates(bundle: Bundle, value: Any, *, limited: bool) -> None:
    for each in value["certificates"]:
        candidate = Candidate(each["file"], each["backend"], each["precision"], each["device"])
        believed = candidate not in bundle.doubts
        expected = vouches(each, value, limited=limited) and not _failed(each, value)
        check(believed == expected, "believed" if believed else "doubted", each)


def _failed(certificate: Any, manifest: Any) -> bool:
    """Whether the candidate is written down as failed on some text, whatever the figures there."""
    of = ("file", "backend", "precision", "device")
    return any(all(one[name] == certificate[name] for name in of) for one in manifest.get("failed", []))


def vouches(certificate: Any, manifest: Any, *, limited: bool) -> bool:
    """Whether a certificate vouches, as plain code on plain JSON."""
    measured = certificate["measured"]
    changed, f1_lost, agreement = GATE[certificate["precision"]]
    names = ["not_finite", "changed_per_10k", "alone_changed_per_10k", "rows_changed_per_10k"]
    limits: dict[str, float] = dict(zip(names, (0, changed, changed, changed)))
    if certificate["precision"] == "fp32":
        limits["relative_logit_difference"] = 1e-4
    else:
        limits["sure_changed"] = 0
    elsewhere = certificate["precision"] in ("int8", "fp8", "int4")
    if elsewhere:
        limits |= {"elsewhere_changed_per_10k": 20, "elsewhere_sure_changed": 0}
    holds = all(measured.get(name) is not None and measured[name] <= limit for name, limit in limits.items())
    lost = measured.get("f1_lost")
    holds = holds and (not certificate["entities"] if lost is None else lost <= f1_lost)
    holds = holds and measured.get("agreement") is not None and measured["agreement"] >= agreement
    if elsewhere:
        holds = holds and (measured.get("elsewhere_f1_lost") or 0) <= 0.1
        holds = holds and (measured.get("elsewhere_agreement") or 0) >= 0.98
    holds = holds and _agrees(measured, [*limits, "agreement", *(["elsewhere_agreement"] if elsewhere else [])])
    holds = holds and all(_follows(measured, prefix) for prefix in ("", *(["elsewhere_"] if elsewhere else [])))
    bound = {"tokenizer.json", "config.json", certificate["file"]} <= certificate["files"].keys()
    bound = bound and all(
        name in manifest["files"] and manifest["files"][name]["sha256"] == sha256
        for name, sha256 in certificate["files"].items()
    )
    told = [manifest["labels"], manifest["max_length"], manifest["vocabulary"]]
    told += [manifest["label_scheme"]] if manifest.get("label_scheme") else []
    interface = json.dumps(told).encode()
    bound = bound and certificate["interface_sha256"] == hashlib.sha256(interface).hexdigest()
    asked = bool(certificate.get("probe", {}).get("texts"))
    entities = certificate["entities"]
    enough = _enough(measured, "", words=10_000, left_out=0.1) and entities and min(entities.values()) >= 10
    enough = enough and (not elsewhere or _enough(measured, "elsewhere_", words=5_000, left_out=0.5))
    return bool(holds and bound and asked and (limited or enough))


def _agrees(measured: Any, names: list[str]) -> bool:
    """Whether no figure of the gate is below nothing, and no agreement above whole."""
    given = {name: measured[name] for name in names if measured.get(name) is not None}
    return all(value >= 0 and ("agreement" not in name or value <= 1) for name, value in given.items())


def _follows(measured: Any, prefix: str) -> bool:
    """Whether what is computed from other figures is what they say."""
    if any(
        isinstance(measured.get(f"{part}{name}"), float)
        for part in ("", "elsewhere_")
        for name in ("changed_labels", "words")
    ):
        return False
    changed, words, rate, lost, reference, candidate = (
        measured.get(f"{prefix}{name}")
        for name in ("changed_labels", "words", "changed_per_10k", "f1_lost", "reference_f1", "candidate_f1")
    )
    if None not in (changed, words, rate) and abs(rate - 10_000 * changed / (words or 1)) > 1e-6:
        return False
    return None in (reference, candidate, lost) or abs(lost - 100 * (reference - candidate)) <= 1e-6


def _enough(told: Any, prefix: str, *, words: int, left_out: float) -> bool:
    compared, out = told.get(f"{prefix}sentences") or 0, told.get(f"{prefix}left_out") or 0
    distinct = told.get(f"{prefix}distinct_sentences") or 0
    return bool(
        (told.get(f"{prefix}words") or 0) >= words
        and distinct >= 300
        and compared
        and out / (compared + out) <= left_out
    )
