"""What is sealed, what is read of it, and what a bundle answers, without an engine and without a graph that runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.bundle.certificate import Candidate, Certificate
from runtime.bundle.manifest import Engine, FileDigest, Graph, Manifest, OneTextSpeed, Source, Speed
from runtime.bundle.profile import RunProfile
from runtime.bundle.signature import SIGNATURE
from runtime.bundle.store import (
    MANIFEST,
    SCHEMA,
    Bundle,
    check_digest,
    digest_of,
    open_bundle,
    read_bundle,
    seal,
    sealed_files,
)
from runtime.errors import BundleError, UncertifiedError, UsageError
from tests.certificates import vouching, with_files

GRAPHS = (
    Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids",)),
    Graph("packed-int8.onnx", "int8", "packed", 17, ("input_ids",)),
)
ENGINE = Engine(
    *("packed-fp16.plan", "packed-fp16.onnx", "0" * 64, "fp16", "packed", ("input_ids",), "NVIDIA L4", "8.9", "11.4"),
    *("580.1", (), {}),
)
FP32 = Candidate("packed-fp32.onnx", "onnxruntime", "fp32", "cpu")
INT8 = Candidate("packed-int8.onnx", "openvino", "int8", "cpu")
SPEED = Speed(FP32, 1_234.5, "a CPU", OneTextSpeed(2.5, 4.5, 2, (16,)))
PROFILE = RunProfile("news", FP32, "throughput", 2, 1, 256)
BARE = Manifest(
    *(Source("Zürich", "0"), ("O", "B-PER"), 64, 100, {}, GRAPHS, (), {}),
    engines=(ENGINE,),
    speeds=(SPEED,),
    profiles=(PROFILE, replace(PROFILE, name="chat", slots=64)),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sealed bundle of files of a few bytes, with a certificate of each graph."""
    manifest = with_files(tmp_path, BARE)
    each = (
        Certificate(one.file, one.backend, one.precision, one.device, {}, "valid.txt", "0", {}, {}, True)
        for one in (FP32, INT8)
    )
    seal(tmp_path, replace(manifest, certificates=tuple(vouching(one, manifest) for one in each)))
    return tmp_path


def resealed(folder: Path, **changes: object) -> str:
    """The one line of opening the bundle whose manifest was written again with other fields, in JSON."""
    value = json.loads((folder / MANIFEST).read_text()) | changes
    (folder / MANIFEST).write_text(json.dumps(value))
    with pytest.raises(BundleError) as caught:
        open_bundle(folder)
    return str(caught.value)


def test_a_manifest_is_ascii_with_sorted_names_and_a_digest_of_the_rest(folder: Path) -> None:
    raw = (folder / MANIFEST).read_bytes()
    value = json.loads(raw)
    assert raw == (json.dumps(value, indent=1, sort_keys=True) + "\n").encode("ascii")
    assert (value["schema"], value["checkpoint"]["name"]) == (SCHEMA, "Zürich") == (2, "Zürich")
    rest = {name: it for name, it in value.items() if name != "digest"}
    assert value["digest"] == hashlib.sha256((json.dumps(rest, indent=1, sort_keys=True) + "\n").encode()).hexdigest()
    assert open_bundle(folder).manifest.checkpoint.name == "Zürich"


def test_neither_other_white_space_nor_another_digest_is_believed(folder: Path) -> None:
    raw = (folder / MANIFEST).read_bytes()
    value = json.loads(raw)
    forged = json.dumps({**value, "digest": "0" * 64}, indent=1, sort_keys=True) + "\n"
    for other in (raw + b"\n", json.dumps(value, indent=2, sort_keys=True).encode() + b"\n", forged.encode()):
        (folder / MANIFEST).write_bytes(other)
        with pytest.raises(BundleError, match="its digest does not match its content, so it was changed"):
            read_bundle(folder)


def test_what_a_bundle_has_is_found(folder: Path) -> None:
    opened = open_bundle(folder)
    assert (opened.path, opened.sealed, opened.doubts) == (folder, True, {})
    assert opened.file("a") == folder / "a"
    assert replace(opened, files_at=Path("/copies")).file("a") == Path("/copies/a")
    assert opened.shared_files == ["config.json", "tokenizer.json"]
    assert opened.graph("int8") == opened.graph_in("packed-int8.onnx") == opened.part("packed-int8.onnx") == GRAPHS[1]
    assert opened.engine_in("packed-fp16.plan") == opened.part("packed-fp16.plan") == ENGINE
    assert (opened.speed(FP32), opened.speed(INT8)) == (1_234.5, 0.0)
    assert (opened.one_text(FP32), opened.one_text(INT8)) == (SPEED.one_text, OneTextSpeed())
    assert opened.profile("chat").slots == 64
    assert opened.certificate(INT8).candidate == INT8


def test_what_a_bundle_lacks_is_told_with_what_it_has(folder: Path) -> None:
    opened = open_bundle(folder)
    with pytest.raises(BundleError) as graph:
        opened.graph("fp16")
    assert str(graph.value) == f"{folder}: no fp16 graph (it holds: fp32, int8); choose one of these"
    bare = replace(opened, manifest=replace(opened.manifest, graphs=(), profiles=()))
    with pytest.raises(BundleError, match=r"\(it holds: none\)"):
        bare.graph("fp16")
    with pytest.raises(UsageError) as profile:
        opened.profile("x" * 50)
    told = f"profile '{'x' * 40}': this bundle has no such profile (it has: news, chat); make one with"
    assert str(profile.value).startswith(told)
    with pytest.raises(UsageError, match=r"\(it has: none\)"):
        bare.profile("news")


def test_a_candidate_is_vouched_for_by_its_own_certificate_alone(folder: Path) -> None:
    opened = open_bundle(folder)
    with pytest.raises(UncertifiedError) as none:
        opened.certificate(replace(FP32, device="cuda"))
    assert (none.value.subject, none.value.problem) == (
        "packed-fp32.onnx on onnxruntime in fp32, cuda",
        f"no certificate in {folder}",
    )
    failed = tuple(replace(one, passed=one.file != INT8.file) for one in opened.manifest.certificates)
    with pytest.raises(UncertifiedError, match="its certificate says that it failed the gate"):
        replace(opened, manifest=replace(opened.manifest, certificates=failed)).certificate(INT8)
    doubt = UncertifiedError("a", "b", "c")
    doubted = replace(opened, doubts={FP32: doubt})
    with pytest.raises(UncertifiedError) as caught:
        doubted.certificate(FP32)
    assert caught.value is doubt
    assert doubted.certificate(INT8).candidate == INT8


def test_limited_evidence_is_believed_where_it_is_asked_for(folder: Path) -> None:
    manifest = open_bundle(folder).manifest
    first = manifest.certificates[0]
    seal(folder, replace(manifest, certificates=(replace(first, measured={**first.measured, "words": 9}),)))
    for opened in (open_bundle(folder), read_bundle(folder)):
        with pytest.raises(UncertifiedError, match=r"limited evidence: 9 of 10,000 words"):
            opened.certificate(FP32)
    for opened in (open_bundle(str(folder), limited=True), read_bundle(folder, limited=True)):
        assert opened.certificate(FP32).candidate == FP32


def test_a_signature_is_asked_for_where_a_key_is_given(folder: Path) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    with pytest.raises(UsageError, match="no public key in PEM"):
        open_bundle(folder, public_key=str(folder / "config.json"))
    with pytest.raises(UsageError, match="no public key in PEM"):
        read_bundle(folder, public_key=folder / "config.json")
    key, public = Ed25519PrivateKey.generate(), folder.parent / "key.pub"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (folder / SIGNATURE).write_bytes(key.sign((folder / MANIFEST).read_bytes()))
    assert open_bundle(folder, public_key=public).manifest == open_bundle(folder).manifest
    seal(folder, replace(open_bundle(folder).manifest, max_length=65))
    with pytest.raises(BundleError, match=f"{folder}: not signed by the holder of"):
        open_bundle(folder, public_key=public)


def test_reading_believes_the_manifest_and_opening_no_byte(folder: Path) -> None:
    (folder / "config.json").write_text("other content")
    read_bundle(folder)
    with pytest.raises(BundleError) as caught:
        open_bundle(folder)
    told = f"{folder / 'config.json'}: 13 bytes where the manifest says 11; make it again with `make export`"
    assert str(caught.value) == told
    (folder / "config.json").write_text("CONFIG.json")
    with pytest.raises(BundleError) as caught:
        open_bundle(folder)
    was, now = (hashlib.sha256(content).hexdigest()[:12] for content in (b"config.json", b"CONFIG.json"))
    told = f"{folder / 'config.json'}: sha256 {now}... where the manifest says {was}..., so it was changed; make it"
    assert str(caught.value).startswith(told)
    (folder / "config.json").unlink()
    with pytest.raises(BundleError) as caught:
        open_bundle(folder)
    assert str(caught.value).startswith(f"{folder / 'config.json'}: No such file or directory; make it again")


def test_a_file_of_another_size_is_refused_unread(tmp_path: Path) -> None:
    place, reads = tmp_path / "large.onnx", []
    place.write_bytes(b"1234567")

    def read() -> str:
        reads.append(1)
        return "0" * 64

    check_digest(place, FileDigest("0" * 64, 7), read)
    assert reads == [1]
    with pytest.raises(BundleError, match="7 bytes where the manifest says 1,234,567"):
        check_digest(place, FileDigest("0" * 64, 1_234_567), read)
    assert reads == [1]
    assert digest_of(place) == FileDigest(hashlib.sha256(b"1234567").hexdigest(), 7)


def test_what_is_no_manifest_of_ours_says_what_it_is(folder: Path) -> None:
    place = folder / MANIFEST
    assert resealed(folder, max_length=65).startswith(f"{place}: its digest does not match its content, so it was")
    assert resealed(folder, schema=1).startswith(f"{place}: schema 1, this version of Nerve reads schema 2; make it")
    assert resealed(folder, schema="x" * 30).startswith(f"{place}: schema {'x' * 20}, this version")
    for raw, told in (
        (b"[]", "not a manifest (no object with a schema)"),
        (b"{}", "not a manifest (no object with a schema)"),
        (b'{"schema": Infinity}', "not a manifest (Infinity is no number)"),
        (b'{"schema": 2}', "its digest does not match its content, so it was changed"),
        (b"{", "not a manifest (Expecting property name"),
        # The most that is read, and a byte more.
        (b'{"schema": 9' + b" " * ((1 << 24) - 13) + b"}", "schema 9, this version"),
        (b'{"schema": 9' + b" " * ((1 << 24) - 12) + b"}", "16,777,217 bytes, at most 16,777,216 are read; make it"),
    ):
        place.write_bytes(raw)
        with pytest.raises(BundleError) as caught:
            open_bundle(folder)
        assert str(caught.value).startswith(f"{place}: {told}")


def test_a_folder_without_a_manifest_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        open_bundle(tmp_path)
    told = f"{tmp_path}: there is no manifest.json, so it is not a bundle or was never sealed; make it again"
    assert str(caught.value).startswith(told)
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(BundleError) as caught:
        open_bundle(tmp_path)
    assert str(caught.value) == f"{tmp_path / MANIFEST}: it is not a regular file; make it readable"
    with pytest.raises(BundleError, match="there is no such folder; run `make export`"):
        open_bundle(tmp_path / "none")


def test_a_field_that_does_not_fit_is_told_though_the_digest_is_right(folder: Path) -> None:
    manifest = open_bundle(folder).manifest
    seal(folder, replace(manifest, max_length=0))
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    told = "not a manifest of this version (max_length: 0 where 1 to 1,048,576 was expected); make it again"
    assert str(caught.value).startswith(f"{folder / MANIFEST}: {told}")


def test_the_files_of_a_sealed_bundle_of_any_schema_and_of_nothing_else(folder: Path) -> None:
    names = {"config.json", "tokenizer.json", "packed-fp32.onnx", "packed-int8.onnx", "packed-fp16.plan"}
    assert sealed_files(folder) == names | {"manifest.json", "manifest.sig"}

    def written(value: Mapping[str, object]) -> None:
        body = (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
        (folder / MANIFEST).write_text(json.dumps({**value, "digest": hashlib.sha256(body).hexdigest()}))

    written({"schema": 1, "files": {"a": 1}})
    assert sealed_files(folder) == {"a", "manifest.json", "manifest.sig"}
    for value in ({"schema": 1, "files": ["a"]}, {"schema": 1}):
        written(value)
        with pytest.raises(BundleError, match="its digest does not match its content; make it again"):
            sealed_files(folder)
    (folder / MANIFEST).write_text("[]")
    with pytest.raises(BundleError) as caught:
        sealed_files(folder)
    assert str(caught.value).startswith(f"{folder / MANIFEST}: not a manifest (no object with a schema)")
    (folder / MANIFEST).write_text('{"schema": 2, "files": {"index.html": 1}}')
    with pytest.raises(BundleError, match="its digest does not match its content; make it again"):
        sealed_files(folder)


def test_a_bundle_that_is_only_held_is_sealed_and_has_no_doubts() -> None:
    assert Bundle(Path("bundle"), BARE) == Bundle(Path("bundle"), BARE, {}, None, True)
