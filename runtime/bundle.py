"""The bundle: a folder that holds everything tagging needs, and the proof that it is what was made.

    manifest.json      what is in the folder, the sha256 of each file, certificates, and a digest of the manifest itself
    tokenizer.json     the checkpoint's tokenizer
    config.json        the checkpoint's configuration
    *.onnx, *.plan     graphs and engines

`open_bundle` verifies, `seal` writes the manifest, last. One changed byte in any of these files is refused at open.
It knows what a certificate holds, and not how one is earned; it knows no engine library.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from runtime.attested import Attestation, Left
from runtime.errors import BundleError, UncertifiedError
from runtime.files import sha256_of_file, write_atomically

SCHEMA = 1
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"
REMAKE = "make it again with `make export`"
_CERTIFY = "run `python -m export.certify`, or pass --allow-uncertified to do without"

Layout = Literal["padded", "packed"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file must be: its sha256 in hexadecimal and its size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX file of the bundle.

    Attributes:
        file: name in the bundle.
        precision, layout: see the vocabulary in the README.
        opset: version of the ONNX operator set.
        inputs: names of the graph's inputs, each [rows, length].
    """

    file: str
    precision: Precision
    layout: Layout
    opset: int
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The checkpoint that a bundle was made from: the name it was given by, and a digest over its files."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What can run a bundle: a file, the backend that runs it, in which precision, on which device.

    The precision is what is computed in, and can be lower than the file's: OpenVINO runs an fp32 graph in bf16.
    The file is empty for the checkpoint itself, which backend pytorch runs.
    """

    file: str
    backend: str
    precision: Precision
    device: str

    def __str__(self) -> str:
        return f"{self.file or 'checkpoint'} on {self.backend} in {self.precision}, {self.device}"


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a candidate was, measured with all candidates of its bundle in turn.

    Attributes:
        candidate: whose.
        pieces_per_second: word pieces through packing and engine; export.tune says how.
        machine: its processor and how many of them were used.
    """

    candidate: Candidate
    pieces_per_second: float
    machine: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """The measured agreement of one candidate (file x backend x precision x device) with the checkpoint.

    Attributes:
        file, backend, precision, device: the candidate.
        versions: of the libraries that ran it and the checkpoint.
        corpus: name of the text it was measured on.
        corpus_sha256: of that text.
        measured: figures by name; export.certify documents each.
        limits: the gate's bounds that the figures were held against.
        passed: whether every bound held.
    """

    file: str
    backend: str
    precision: Precision
    device: str
    versions: dict[str, str]
    corpus: str
    corpus_sha256: str
    measured: dict[str, float | int | None]
    limits: dict[str, float]
    passed: bool

    @property
    def candidate(self) -> Candidate:
        """Whose certificate it is."""
        return Candidate(self.file, self.backend, self.precision, self.device)

    def check_version(self, library: str, installed: str) -> None:
        """Refuse to vouch for another release of the library than the one measured; patch releases are let pass.

        Raises:
            UncertifiedError: major or minor version differ.
        """
        measured = self.versions.get(library, "none")
        if _release(measured) != _release(installed):
            what, found = f"{self.file} on {self.backend}", f"certified with {library} {measured}, here is {installed}"
            raise UncertifiedError(what, found, f"install {library} {measured}, or {_CERTIFY}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        checkpoint: what it was made from.
        labels: label names in the order of the logits.
        max_length: most word pieces a row can hold, special ones included.
        vocabulary: rows of the embedding table; every word-piece id is below it.
        files: every file of the bundle but the manifest, by name.
        graphs: the ONNX files among them.
        certificates: at most one for each candidate.
        versions: of every library that made the bundle.
        speeds: at most one for each candidate.
        attestations: of each graph, and of engines on it that tell what they do.
    """

    checkpoint: Source
    labels: tuple[str, ...]
    max_length: int
    vocabulary: int
    files: dict[str, Stamp]
    graphs: tuple[Graph, ...]
    certificates: tuple[Certificate, ...]
    versions: dict[str, str]
    speeds: tuple[Speed, ...] = ()
    attestations: tuple[Attestation, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened, verified bundle."""

    path: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        """Where a file of the bundle lies."""
        return self.path / name

    def graph(self, precision: Precision) -> Graph:
        """The graph of that precision.

        Raises:
            BundleError: there is none; the message lists those that exist.
        """
        for graph in self.manifest.graphs:
            if graph.precision == precision:
                return graph
        held = ", ".join(graph.precision for graph in self.manifest.graphs) or "none"
        raise BundleError(str(self.path), f"no {precision} graph (it holds: {held})", "choose one of these")

    def graph_in(self, file: str) -> Graph:
        """The graph in that file; candidates name none that is not there."""
        return next(graph for graph in self.manifest.graphs if graph.file == file)

    def certificate(self, candidate: Candidate) -> Certificate:
        """The passing certificate of that candidate.

        Raises:
            UncertifiedError: it has none, or one that did not pass.
        """
        for certificate in self.manifest.certificates:
            if certificate.candidate == candidate:
                if certificate.passed:
                    return certificate
                raise UncertifiedError(str(candidate), "its certificate says that it failed the gate", _CERTIFY)
        raise UncertifiedError(str(candidate), f"no certificate in {self.path}", _CERTIFY)

    def speed(self, candidate: Candidate) -> float:
        """Its word pieces a second where they were measured, 0 where they were not."""
        measured = {speed.candidate: speed.pieces_per_second for speed in self.manifest.speeds}
        return measured.get(candidate, 0.0)


def open_bundle(path: Path) -> Bundle:
    """Open a bundle and verify every byte of it against its manifest.

    Raises:
        BundleError: it is missing, unsealed, damaged, or of another schema.
    """
    manifest = _parse(path / MANIFEST, _read(path))
    for name, stamp in manifest.files.items():
        _verify(path / name, stamp)
    return Bundle(path, manifest)


def seal(path: Path, manifest: Manifest) -> None:
    """Write the manifest of a bundle whose files are all in place. The old one holds until the new one is whole.

    Raises:
        StorageError: no permission, or no space.
    """
    write_atomically(path / MANIFEST, _encode(manifest))


def stamp_of(path: Path) -> Stamp:
    """The Stamp of a file as it is now."""
    return Stamp(sha256_of_file(path), path.stat().st_size)


def _release(version: str) -> list[str]:
    return version.split(".")[:2]


def _encode(manifest: Manifest) -> bytes:
    body = {"schema": SCHEMA, **asdict(manifest)}
    return _canonical({**body, "digest": hashlib.sha256(_canonical(body)).hexdigest()})


def _canonical(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def _read(path: Path) -> bytes:
    if not path.is_dir():
        raise BundleError(str(path), "there is no such folder", "run `make export`, or give --bundle FOLDER")
    try:
        return (path / MANIFEST).read_bytes()
    except FileNotFoundError:
        found = f"there is no {MANIFEST}, so it is not a bundle or was never sealed"
        raise BundleError(str(path), found, REMAKE) from None
    except OSError as error:
        raise BundleError(str(path / MANIFEST), error.strerror or str(error), "make it readable") from error


def _parse(place: Path, raw: bytes) -> Manifest:
    try:
        value = json.loads(raw)
        schema = value["schema"]
    except (ValueError, TypeError, KeyError) as error:
        raise BundleError(str(place), f"not a manifest ({error!r})", REMAKE) from error
    if schema != SCHEMA:
        found = f"schema {schema}, this version of Nerve reads schema {SCHEMA}"
        raise BundleError(str(place), found, REMAKE)
    digest = value.pop("digest", "missing")
    # Comparing bytes, and not values, refuses a manifest in which only the white space was changed, too.
    if raw != _canonical({**value, "digest": digest}) or digest != hashlib.sha256(_canonical(value)).hexdigest():
        raise BundleError(str(place), "its digest does not match its content, so it was changed", REMAKE)
    return _manifest(value)


def _manifest(value: dict[str, Any]) -> Manifest:
    """From JSON to types. The digest has vouched for the content: what we wrote has the shape that we wrote."""
    return Manifest(
        checkpoint=Source(**value["checkpoint"]),
        labels=tuple(value["labels"]),
        max_length=value["max_length"],
        vocabulary=value["vocabulary"],
        files={name: Stamp(**stamp) for name, stamp in value["files"].items()},
        graphs=tuple(Graph(**{**graph, "inputs": tuple(graph["inputs"])}) for graph in value["graphs"]),
        certificates=tuple(Certificate(**certificate) for certificate in value["certificates"]),
        versions=value["versions"],
        speeds=tuple(
            Speed(**{**speed, "candidate": Candidate(**speed["candidate"])}) for speed in value.get("speeds", ())
        ),
        attestations=tuple(
            Attestation(**{**each, "left": tuple(Left(**left) for left in each["left"])})
            for each in value.get("attestations", ())
        ),
    )


def _verify(path: Path, stamp: Stamp) -> None:
    try:
        size = path.stat().st_size
        # The size first: a truncated file of a gigabyte need not be read to be refused.
        found = sha256_of_file(path) if size == stamp.bytes else ""
    except OSError as error:
        raise BundleError(str(path), error.strerror or str(error), REMAKE) from error
    if size != stamp.bytes:
        raise BundleError(str(path), f"{size:,} bytes where the manifest says {stamp.bytes:,}", REMAKE)
    if found != stamp.sha256:
        detail = f"sha256 {found[:12]}... where the manifest says {stamp.sha256[:12]}..., so it was changed"
        raise BundleError(str(path), detail, REMAKE)
