"""A manifest that an earlier version wrote, with every field there is: it is read, and written again the same.

Who changes the schema so that this fails makes every bundle of every user unreadable: a new field is LATER, or the
schema gets another number. NERVE_GOLDEN=1 writes the file anew, for a new number.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from runtime.bundle.attestation import Attestation, KeptLayer
from runtime.bundle.certificate import Candidate, Certificate, Probe
from runtime.bundle.manifest import Engine, FileDigest, Graph, Manifest, OneTextSpeed, Profile, Reading, Source, Speed
from runtime.bundle.profile import RunProfile
from runtime.bundle.schema import LATER
from runtime.bundle.store import MANIFEST, SCHEMA, read_bundle, seal

GOLDEN = Path(__file__).parent / "golden"
_SHA = "0123456789abcdef" * 4
_CANDIDATE = Candidate("padded-fp32.onnx", "onnxruntime", "fp32", "cpu")


def _manifest() -> Manifest:
    """One of everything, and nothing as it is by default."""
    names = ("config.json", "tokenizer.json", "padded-fp32.onnx", "packed-int8.plan", "weights.data")
    certificate = Certificate(
        *("padded-fp32.onnx", "onnxruntime", "fp32", "cpu"),
        versions={"onnxruntime": "1.26.0"},
        corpus="valid.txt",
        corpus_sha256=_SHA,
        measured={"words": 51_362, "changed_per_10k": 0.0, "f1_lost": None},
        limits={"changed_per_10k": 0.0},
        passed=True,
        cpu_requirements=("vnni",),
        entities={"PER": 1_842},
        files=dict.fromkeys(names[:3], _SHA),
        interface_sha256=_SHA,
        probe=Probe((("Maria", "Keller"), ("Oslo",)), "0000803f"),
        elsewhere="generated news",
        elsewhere_sha256=_SHA,
    )
    graph = Graph("padded-fp32.onnx", "fp32", "padded", 17, ("input_ids",), "onnxruntime", False, True)
    engine = Engine(
        *("packed-int8.plan", "packed-int8.onnx", _SHA, "int8", "packed", ("input_ids",), "NVIDIA L4", "8.9", "11.4"),
        driver="580.1",
        profiles=(Profile(64, 128),),
        layers={"int8": 36},
        backend="tensorrt-rtx",
    )
    kept = KeptLayer("encoder.0", "it changes most", 1_024, 12.5, 7.5)
    attested = Attestation(
        *("padded-fp32.onnx", "openvino", "fp32", {"MatMul": 38}, 6, 6, 1_000, 100, 4, 64, {"fp32": 1.0}), kept=(kept,)
    )
    return Manifest(
        checkpoint=Source("dslim/bert-base-NER@main", _SHA, _SHA, "d1a3e8f"),
        labels=("O", "B-PER", "I-PER"),
        max_length=512,
        vocabulary=30_522,
        files={name: FileDigest(_SHA, 7) for name in names},
        graphs=(graph,),
        certificates=(certificate,),
        versions={"python": "3.11.7"},
        speeds=(Speed(_CANDIDATE, 1_234.5, "a CPU, 2 threads", OneTextSpeed(2.5, 4.5, 2, (16, 32))),),
        attestations=(attested,),
        engines=(engine,),
        readings=(Reading("context", 64, 0.9, 1_000.0, True),),
        label_scheme="BIO",
        profiles=(
            RunProfile(
                "interactive", _CANDIDATE, "latency", 2, 1, 256, (16, 32), "a CPU", {"p99_ms": 20.0}, {"f1": 0.9}
            ),
        ),
        failed=(replace(certificate, corpus="wikigold.txt", passed=False),),
    )


def test_an_earlier_versions_manifest_is_read_and_written_again_the_same(tmp_path: Path) -> None:
    if os.environ.get("NERVE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        seal(GOLDEN, _manifest())
    read = read_bundle(GOLDEN).manifest
    assert read == _manifest()
    seal(tmp_path, read)
    was, now = (json.loads((folder / MANIFEST).read_bytes()) for folder in (GOLDEN, tmp_path))
    assert was["schema"] == SCHEMA
    del was["digest"]
    assert _is_part(was, now)


def test_the_golden_manifest_has_everything() -> None:
    assert _at_their_defaults(_manifest()) == []


def _is_part(was: Any, now: Any) -> bool:
    """Whether all that was is as it was; an object may have more than that."""
    if isinstance(was, dict):
        return was.keys() <= now.keys() and all(_is_part(value, now[name]) for name, value in was.items())
    if isinstance(was, list):
        return len(was) == len(now) and all(map(_is_part, was, now))
    return bool(was == now)


def _at_their_defaults(value: Any, place: str = "") -> list[str]:
    """Fields that are as they are by default, and so not held by the file; those that came LATER are not asked for."""
    if isinstance(value, tuple):
        return [each for item in value for each in _at_their_defaults(item, place)]
    if not is_dataclass(value):
        return []
    name = type(value).__name__
    held = [field for field in fields(value) if not field.metadata.get(LATER)]
    same = [f"{name}.{field.name}" for field in held if getattr(value, field.name) == field.default]
    return [*same, *(each for field in fields(value) for each in _at_their_defaults(getattr(value, field.name)))]
