"""A manifest's fields at their edges: the last value that is read, and the first that is refused.

It begins with the golden manifest, which has one of everything; no file but that is read.
"""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runtime.bundle.manifest import (
    CONFIG,
    MANIFEST,
    TOKENIZER,
    Engine,
    Graph,
    Manifest,
    OneTextSpeed,
    Source,
    manifest_from_json,
    sm,
)
from runtime.bundle.schema import SchemaError

GOLDEN = json.loads((Path(__file__).parent / "golden" / MANIFEST).read_text(encoding="utf-8"))
GRAPH = "padded-fp32.onnx"
DIGEST = {"sha256": "0123456789abcdef" * 4, "bytes": 7}
NUMBERS = [0.5, 1.5, 2.5]
CRF = {"start": NUMBERS, "end": NUMBERS, "steps": [NUMBERS] * 3}


def changed(**fields: Any) -> dict[str, Any]:
    """The golden manifest's JSON with other fields; `files` and `first_...` (of the first item) are added to."""
    value = {name: copy.deepcopy(it) for name, it in GOLDEN.items() if name not in ("schema", "digest")}
    for name, new in fields.items():
        if name == "files":
            value["files"] |= new
        elif name.startswith("first_"):
            value[name.removeprefix("first_")][0] |= new
        else:
            value[name] = new
    return value


def twice(name: str, **other: Any) -> dict[str, Any]:
    """The golden manifest's JSON with its first item of that name there twice, the second one changed."""
    return changed(**{name: [GOLDEN[name][0], GOLDEN[name][0] | other]})


@pytest.mark.parametrize(
    "value",
    [
        changed(),
        changed(files={"a" * 200: DIGEST, "a/b/c/d/e": DIGEST, "_A0 z.+=-": DIGEST}),
        changed(max_length=1),
        changed(max_length=1 << 20, vocabulary=1),
        changed(vocabulary=1 << 24),
        changed(labels=["O", *map(str, range((1 << 16) - 1))]),
        changed(labels=["O"]),
        changed(crf=[CRF]),
        twice("certificates", device="cuda"),
        twice("failed", corpus_sha256="another"),
        twice("failed", elsewhere_sha256="another"),
        twice("readings", is_default=False),
        twice("graphs", file="weights.data"),
    ],
)
def test_the_last_value_that_is_read(value: dict[str, Any]) -> None:
    manifest_from_json(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (changed(files={"a" * 201: DIGEST}), f"files: '{'a' * 60}' is not a plain file name"),
        (changed(files={"a/b/c/d/e/f": DIGEST}), "files: 'a/b/c/d/e/f' is not a plain file name"),
        (changed(files={".a": DIGEST}), "files: '.a' is not a plain file name"),
        (changed(files={"a/.b": DIGEST}), "files: 'a/.b' is not a plain file name"),
        (changed(files={"a/": DIGEST}), "files: 'a/' is not a plain file name"),
        (changed(files={"a\\b": DIGEST}), "files: 'a\\\\b' is not a plain file name"),
        (changed(files={MANIFEST: DIGEST}), "files: 'manifest.json' is not a plain file name"),
        (changed(files={"a": DIGEST | {"sha256": "0" * 63}}), "files: a sha256 is not 64 hexadecimal digits"),
        (changed(files={"a": DIGEST | {"sha256": "0" * 65}}), "files: a sha256 is not 64 hexadecimal digits"),
        (changed(files={"a": DIGEST | {"sha256": "A" * 64}}), "files: a sha256 is not 64 hexadecimal digits"),
        (changed(first_engines={"file": "c" * 99}), f"'{'c' * 60}' is not among the files"),
        (changed(first_engines={"file": GRAPH}), "two graphs or engines have one file"),
        (
            changed(first_failed={"file": "weights.data"}),
            "certificates: 'weights.data' is neither a graph nor an engine",
        ),
        (changed(first_failed={"rows": [2, 1]}), "certificates: row lengths that do not rise"),
        (changed(first_certificates={"rows": [2, 1]}), "certificates: row lengths that do not rise"),
        (changed(first_profiles={"lengths": [2, 1]}), "profiles.interactive: row lengths that do not rise"),
        (
            changed(first_speeds={"one_text": {"p50_ms": 1, "p99_ms": 1, "threads": 1, "lengths": [2, 1]}}),
            "speeds: row lengths that do not rise",
        ),
        (twice("certificates", corpus_sha256="another"), "certificates: two of one candidate"),
        (twice("failed", corpus="another name"), "failed: two of one candidate on one text"),
        (twice("readings"), "readings: two defaults"),
        (changed(max_length=0), "max_length: 0 where 1 to 1,048,576 was expected"),
        (changed(max_length=(1 << 20) + 1), "max_length: 1,048,577 where 1 to 1,048,576 was expected"),
        (changed(vocabulary=0), "vocabulary: 0 where 1 to 16,777,216 was expected"),
        (changed(vocabulary=(1 << 24) + 1), "vocabulary: 16,777,217 where 1 to 16,777,216 was expected"),
        (changed(labels=[]), "labels: 0 where 1 to 65,536 was expected"),
        (changed(labels=["O", *map(str, range(1 << 16))]), "labels: 65,537 where 1 to 65,536 was expected"),
        (changed(labels=["B-PER"]), 'labels: each once, and "O" among them, was expected'),
        (changed(labels=["O", "B-PER", "O"]), 'labels: each once, and "O" among them, was expected'),
        (changed(crf=[CRF, CRF]), "crf: one, with a weight"),
        (changed(crf=[CRF | {"start": NUMBERS[:2]}]), "crf: one, with a weight"),
        (changed(crf=[CRF | {"end": NUMBERS[:2]}]), "crf: one, with a weight"),
        (changed(crf=[CRF | {"steps": [NUMBERS] * 2}]), "crf: one, with a weight"),
        (changed(crf=[CRF | {"steps": [NUMBERS, NUMBERS, NUMBERS[:2]]}]), "crf: one, with a weight"),
    ],
)
def test_the_first_value_that_is_refused(value: dict[str, Any], told: str) -> None:
    with pytest.raises(SchemaError) as caught:
        manifest_from_json(value)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("name", [TOKENIZER, CONFIG])
def test_every_bundle_has_a_tokenizer_and_a_configuration(name: str) -> None:
    value = changed()
    del value["files"][name]
    with pytest.raises(SchemaError, match=rf"^files: {name} is missing$"):
        manifest_from_json(value)


PLACES: dict[tuple[str | int, ...], set[str]] = {
    (): {"readings", "profiles", "label_scheme", "failed", "crf"},
    ("checkpoint",): {"tokenizer_sha256", "commit"},
    ("files", GRAPH): set(),
    ("graphs", 0): set(),
    ("engines", 0): set(),
    ("engines", 0, "profiles", 0): set(),
    ("certificates", 0): {"probe", "elsewhere", "elsewhere_sha256", "rows"},
    ("certificates", 0, "probe"): set(),
    ("speeds", 0): {"one_text"},
    ("speeds", 0, "candidate"): set(),
    ("speeds", 0, "one_text"): set(),
    ("attestations", 0): set(),
    ("attestations", 0, "kept", 0): set(),
    ("readings", 0): set(),
    ("profiles", 0): set(),
}
"""Objects of a manifest, and the fields of each that came later."""


@pytest.mark.parametrize(("place", "later"), PLACES.items())
def test_what_came_later_may_be_missing_and_nothing_else(place: tuple[str | int, ...], later: set[str]) -> None:
    missing = set()
    for name in _at(changed(), place):
        value = changed()
        del _at(value, place)[name]
        with suppress(SchemaError):
            manifest_from_json(value)
            missing.add(name)
    assert missing == later & {*_at(changed(), place)}


def _at(value: Any, place: tuple[str | int, ...]) -> dict[str, Any]:
    """The object at that place of a manifest's JSON."""
    for part in place:
        value = value[part]
    assert isinstance(value, dict)
    return value


def test_what_is_not_said_of_a_graph_an_engine_and_a_source() -> None:
    graph = Graph(GRAPH, "fp32", "padded", 17, ("input_ids",))
    assert (graph.made_for, graph.capturable, graph.seven_bit) == ("", True, False)
    assert OneTextSpeed() == OneTextSpeed(0.0, 0.0, 0, ())
    assert Source("model", "0") == Source("model", "0", "", "")
    bare = Manifest(Source("model", "0"), ("O",), 64, 100, {}, (graph,), (), {})
    rest = (bare.speeds, bare.attestations, bare.engines, bare.readings, bare.profiles, bare.failed, bare.crf)
    assert (set(rest), bare.label_scheme, bare.default_reading) == ({()}, "", None)


def test_what_is_told_of_an_engine_a_source_and_a_reading() -> None:
    manifest = manifest_from_json(changed())
    [engine] = manifest.engines
    assert engine.built_for == "NVIDIA L4 (sm_89, TensorRT for RTX 11.4)"
    fields = {name: getattr(engine, name) for name in Engine.__slots__ if name != "backend"}
    plain = Engine(**fields | {"gpu": "", "compute_capability": "8.0, 12.0", "tensorrt": "11.4.1"})
    assert plain.built_for == "any GPU (sm_80, sm_120, TensorRT 11.4)"
    assert manifest.checkpoint.pinned == "dslim/bert-base-NER@d1a3e8f"
    assert Source("a/b@main@x", "0", commit="c").pinned == "a/b@c"
    assert Source("folder@1", "0").pinned == "folder@1"
    assert manifest.default_reading == manifest.readings[0]
    assert manifest_from_json(changed(first_readings={"is_default": False})).default_reading is None
    assert sm("9.0") == "sm_90"
