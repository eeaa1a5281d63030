"""A manifest that was sealed again around something else is refused, or its certificates are, in one line."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.bundle.store import MANIFEST, TOKENIZER, open_bundle
from runtime.errors import BundleError, UncertifiedError
from runtime.tagger import Tagger
from tests.lookup import lookup_bundle

GRAPH = "padded-fp32.onnx"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small, whole bundle."""
    return lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})


def reseal(bundle: Path, change: Change) -> None:
    """Change the manifest and compute its digest anew, as anybody can."""
    place = bundle / MANIFEST
    value = json.loads(place.read_text())
    del value["digest"]
    change(value)
    place.write_bytes(canonical({**value, "digest": hashlib.sha256(canonical(value)).hexdigest()}))


def canonical(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def setting(path: str, new: Any) -> Change:
    """Sets one value: "graphs.0.file" is value["graphs"][0]["file"]; `...` removes it."""

    def change(value: dict[str, Any]) -> None:
        at: Any = value
        *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
        for part in parents:
            at = at[part]
        if new is ...:
            del at[last]
        else:
            at[last] = copy.deepcopy(new)

    return change


def measured(*lengths: int) -> dict[str, Any]:
    """A speed with row lengths for one text at a time."""
    candidate = {"file": GRAPH, "backend": "openvino", "precision": "fp32", "device": "cpu"}
    alone = {"p50_ms": 1, "p99_ms": 1, "threads": 1, "lengths": [*lengths]}
    return {"candidate": candidate, "tokens_per_second": 1, "machine": "", "one_text": alone}


DIGEST = {"sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (setting("files", {}), "is not among the files"),
        (setting("files", {TOKENIZER: DIGEST}), "is not among the files"),
        (setting("graphs.0.file", "../other/padded-fp32.onnx"), "is not among the files"),
        (setting("files", {"../other/graph.onnx": DIGEST}), "not a plain file name"),
        (setting("files", {"/etc/passwd": DIGEST}), "not a plain file name"),
        (setting("files", {"a\0b": DIGEST}), "not a plain file name"),
        (setting("files", {"folder/../../x": DIGEST}), "not a plain file name"),
        (setting("files", {MANIFEST: DIGEST}), "not a plain file name"),
        (setting("files", {"x" * 300: DIGEST}), "not a plain file name"),
        (setting("files", []), "files is '[]' where an object was expected"),
        (setting("files", {"a": {"sha256": "0", "bytes": -1}}), "files.a.bytes is '-1'"),
        (setting("files", {"a": {"sha256": "0", "bytes": True}}), "files.a.bytes is 'True'"),
        (setting("graphs.0.precision", "fp4"), "graphs[0].precision is 'fp4' where one of"),
        (setting("graphs.0.opset", "17"), "graphs[0].opset is '17' where a whole number was expected"),
        (setting("graphs.0.capturable", 1), "where true or false was expected"),
        (setting("graphs.0.more", 1), "graphs[0].more is not a field that there is"),
        (setting("graphs.0.inputs", "input_ids"), "where a list was expected"),
        (setting("labels", ...), "labels is missing"),
        (setting("labels", ["B-PER", "I-PER"]), '"O" among them'),
        (setting("labels", ["O", "O"]), "each once"),
        (setting("labels", [["O"]]), "where a string was expected"),
        (setting("max_length", 0), "max_length: 0 where 1 to"),
        (setting("max_length", 1e300), "where a whole number was expected"),
        (setting("vocabulary", 2**40), "vocabulary: 1,099,511,627,776 where"),
        (setting("certificates.0.file", "other.onnx"), "neither a graph nor an engine"),
        (setting("certificates.0.measured", {"words": "many"}), "where a finite number was expected"),
        (setting("certificates.0.files", ...), "certificates[0].files is missing"),
        (setting("certificates.0.rows", [32, 16]), "certificates: row lengths that do not rise"),
        (setting("speeds", [measured(32, 16)]), "speeds: row lengths that do not rise"),
        (setting("speeds", [measured(*range(1, 1000))]), "speeds: row lengths that do not rise"),
        (setting("checkpoint", None), "checkpoint is 'None' where an object was expected"),
        (setting("schema", [2]), "schema [2], this version"),
    ],
)
def test_what_does_not_fit_the_schema_is_one_line(bundle: Path, change: Change, found: str) -> None:
    reseal(bundle, change)
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle)
    assert found in str(caught.value)
    assert len(str(caught.value)) < 1_000


def two_certificates(value: dict[str, Any]) -> None:
    value["certificates"] *= 2


def two_graphs(value: dict[str, Any]) -> None:
    value["graphs"] *= 2


@pytest.mark.parametrize("change", [two_certificates, two_graphs])
def test_nothing_is_said_twice(bundle: Path, change: Change) -> None:
    reseal(bundle, change)
    with pytest.raises(BundleError, match=r"two "):
        open_bundle(bundle)


@pytest.mark.parametrize(
    ("path", "new", "found"),
    [
        ("measured.changed_per_10k", 9_000.0, "its figures fail the gate (changed labels in 10,000 9000"),
        ("measured.not_finite", 1, "its figures fail the gate (logits not finite 1, limit 0"),
        ("measured.changed_per_10k", ..., "its figures fail the gate (changed labels in 10,000 not measured"),
        ("measured.agreement", None, "its figures fail the gate (agreement"),
        ("measured", {}, "its figures fail the gate"),
        ("measured.words", 212, "limited evidence: 212 of 10,000 words"),
        ("measured.distinct_sentences", 1, "limited evidence: 1 of 300 distinct sentences"),
        ("measured.left_out", 99_000, "limited evidence: 99% of the sentences left out"),
        ("entities", {}, "limited evidence: no entity of a type that the checkpoint knows"),
        ("entities", {"PER": 500, "LOC": 3}, "limited evidence: 3 of 10 LOC entities"),
        (f"files.{GRAPH}", "0" * 64, f"certified with another {GRAPH}"),
        ("files.tokenizer.json", "0" * 64, "certified with another tokenizer.json"),
        ("files", {}, "certified with another config.json"),
        ("files.weights.data", "0" * 64, "certified with another weights.data"),
        ("interface_sha256", "0" * 64, "another list of labels or limits"),
        ("probe", ..., "no answers to check it by"),
    ],
)
def test_a_certificate_is_not_believed_but_held_against_gate_and_files(
    bundle: Path, path: str, new: Any, found: str
) -> None:
    def change(value: dict[str, Any]) -> None:
        certificate = value["certificates"][0]
        assert certificate["passed"] is True
        group, dot, name = path.partition(".")
        if dot and new is not ...:
            certificate[group][name] = new
        elif dot:
            del certificate[group][name]
        elif new is ...:
            del certificate[group]
        else:
            certificate[group] = new

    Tagger.open(bundle, threads=1).close()
    reseal(bundle, change)
    with pytest.raises(UncertifiedError) as caught:
        Tagger.open(bundle, threads=1)
    assert found in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        setting("labels", ["O", "I-LOC", "B-LOC", "B-PER", "I-PER"]),
        setting("vocabulary", 1 << 20),
        setting("max_length", 512),
    ],
)
def test_labels_and_limits_are_part_of_what_was_certified(bundle: Path, change: Change) -> None:
    reseal(bundle, change)
    with pytest.raises(UncertifiedError, match="another list of labels or limits"):
        Tagger.open(bundle, threads=1)


def test_files_of_another_bundle_are_not_what_was_certified(bundle: Path, tmp_path: Path) -> None:
    other = lookup_bundle(tmp_path / "other", {"Paris": "B-PER"})
    shutil.copyfile(other / GRAPH, bundle / GRAPH)
    reseal(bundle, setting("files", json.loads((other / MANIFEST).read_text())["files"]))
    with pytest.raises(UncertifiedError, match=f"certified with another {GRAPH}"):
        Tagger.open(bundle, threads=1)


@pytest.mark.parametrize("name", [TOKENIZER, GRAPH, MANIFEST])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_neither_pipes_nor_devices_nor_folders_are_read(bundle: Path, name: str, kind: str) -> None:
    (bundle / name).unlink()
    if kind == "pipe":
        os.mkfifo(bundle / name)
    elif kind == "device":
        (bundle / name).symlink_to("/dev/zero")
    else:
        (bundle / name).mkdir()
    with pytest.raises(BundleError, match=r"not a regular file"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"schema": ' + "[" * 100_000, "not a manifest"),
        ('{"schema": 2, "max_length": ' + "9" * 10_000 + "}", "not a manifest"),
        ('{"schema": 2, "max_length": NaN}', "NaN is no number"),
        ('{"schema": 2, "max_length": -Infinity}', "-Infinity is no number"),
        (" " * (1 << 24) + "{}", "at most 16,777,216 are read"),
        ("\ud800", "not a manifest"),
    ],
)
def test_what_is_too_deep_or_large_or_no_number_is_not_read(bundle: Path, content: str, found: str) -> None:
    (bundle / MANIFEST).write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle)
    assert found in str(caught.value)
