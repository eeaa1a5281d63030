"""The bundle: a folder that holds everything tagging needs, and the proof that it is what was made.

    manifest.json      what is in the folder, the sha256 of each file, certificates, and a digest of the manifest itself
    tokenizer.json     the checkpoint's tokenizer
    config.json        the checkpoint's configuration
    *.onnx, *.plan     graphs and engines

`open_bundle` verifies, `seal` writes the manifest, last. One changed byte in any of these files is refused at open.
What a manifest holds is said in runtime.bundle.manifest. It knows no engine library.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

from runtime.bundle.certificate import CERTIFY, Candidate, Certificate, Device, Layout, Precision
from runtime.bundle.doubts import doubts
from runtime.bundle.manifest import (
    CONFIG,
    MANIFEST,
    TOKENIZER,
    Engine,
    FileDigest,
    Graph,
    Manifest,
    OneTextSpeed,
    Profile,
    Reading,
    Source,
    Speed,
    manifest_from_json,
)
from runtime.bundle.profile import RunProfile
from runtime.bundle.schema import SchemaError
from runtime.bundle.signature import SIGNATURE, check_signature
from runtime.errors import BundleError, UncertifiedError, UsageError
from runtime.system.files import read_regular, regular_size, sha256_of_file, write_atomically

# The types of a manifest are the bundle's public face, too.
__all__ = [
    "Bundle",
    "Candidate",
    "Certificate",
    "Device",
    "Engine",
    "Graph",
    "Layout",
    "Manifest",
    "OneTextSpeed",
    "Precision",
    "Profile",
    "Reading",
    "Source",
    "Speed",
    "FileDigest",
    "open_bundle",
    "seal",
    "digest_of",
    "CONFIG",
    "MANIFEST",
    "REMAKE",
    "SCHEMA",
    "TOKENIZER",
]

SCHEMA = 2
TUNE = "make one with `python -m export.tune`"
REMAKE = "make it again with `make export`"
# A bundle of ours has some 20 KB.
LARGEST_MANIFEST = 1 << 24


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened, verified bundle.

    Attributes:
        path: its folder.
        manifest: what it says of itself.
        doubts: why certificates of it do not vouch for their candidates, see runtime.bundle.doubts.
        files_at: where its files are read from, if not in its folder; see runtime.bundle.private_files.
        sealed: whether a manifest vouches for its bytes; a third-party folder has none.
    """

    path: Path
    manifest: Manifest
    doubts: Mapping[Candidate, UncertifiedError] = field(default_factory=dict)
    files_at: Path | None = None
    sealed: bool = True

    def file(self, name: str) -> Path:
        """Where a file of the bundle lies."""
        return (self.files_at or self.path) / name

    @property
    def shared_files(self) -> list[str]:
        """Names of the files that more than one candidate may need: all but the graphs and engines."""
        parts = {graph.file for graph in self.manifest.graphs} | {engine.file for engine in self.manifest.engines}
        return [name for name in self.manifest.files if name not in parts]

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

    def engine_in(self, file: str) -> Engine:
        """The TensorRT engine in that file; candidates name none that is not there."""
        return next(engine for engine in self.manifest.engines if engine.file == file)

    def part(self, file: str) -> Graph | Engine:
        """The graph or engine in that file; candidates name none that is not there."""
        parts: list[Graph | Engine] = [*self.manifest.graphs, *self.manifest.engines]
        return next(part for part in parts if part.file == file)

    def certificate(self, candidate: Candidate) -> Certificate:
        """The passing certificate of that candidate.

        Raises:
            UncertifiedError: it has none, or one that did not pass or does not vouch for what is in the bundle.
        """
        if candidate in self.doubts:
            raise self.doubts[candidate]
        for certificate in self.manifest.certificates:
            if certificate.candidate == candidate:
                if certificate.passed:
                    return certificate
                raise UncertifiedError(str(candidate), "its certificate says that it failed the gate", CERTIFY)
        raise UncertifiedError(str(candidate), f"no certificate in {self.path}", CERTIFY)

    def speed(self, candidate: Candidate) -> float:
        """Its tokens a second where they were measured, 0 where they were not."""
        measured = {speed.candidate: speed.tokens_per_second for speed in self.manifest.speeds}
        return measured.get(candidate, 0.0)

    def profile(self, name: str) -> RunProfile:
        """The profile of that name.

        Raises:
            UsageError: there is none; the message lists those that there are.
        """
        for profile in self.manifest.profiles:
            if profile.name == name:
                return profile
        held = ", ".join(profile.name for profile in self.manifest.profiles) or "none"
        raise UsageError(f"profile {name[:40]!r}", f"this bundle has no such profile (it has: {held})", TUNE)

    def one_text(self, candidate: Candidate) -> OneTextSpeed:
        """What it needs for one text at a time; zeros where that was not measured."""
        measured = {speed.candidate: speed.one_text for speed in self.manifest.speeds}
        return measured.get(candidate, OneTextSpeed())


def open_bundle(
    path: str | PathLike[str], *, limited: bool = False, public_key: str | PathLike[str] | None = None
) -> Bundle:
    """Open a bundle and verify every byte of it against its manifest.

    Args:
        path: its folder.
        limited: believe certificates that rest on limited evidence, too; see runtime.bundle.gate.
        public_key: a file; the bundle must have been signed with the private key to it. See runtime.bundle.signature.

    Raises:
        BundleError: it is missing, unsealed, damaged, not signed as asked, or of another schema.
    """
    key = None if public_key is None else Path(public_key)
    bundle = read_bundle(Path(path), limited=limited, public_key=key)
    verify(bundle, bundle.manifest.files)
    return bundle


def read_bundle(path: Path, *, limited: bool = False, public_key: Path | None = None) -> Bundle:
    """A bundle by what its manifest says, before any other byte of it is verified; see open_bundle.

    Raises:
        BundleError: it is missing, unsealed, not signed as asked, or of another schema.
    """
    raw = _read(path)
    if public_key:
        check_signature(path, raw, public_key)
    manifest = _parse(path / MANIFEST, raw)
    return Bundle(path, manifest, doubts(manifest, limited=limited))


def sealed_files(path: Path) -> set[str]:
    """Names of all files of a sealed bundle of any schema, the manifest among them.

    Raises:
        BundleError: there is no manifest of ours: a web application has a manifest.json, too.
    """
    place, raw = path / MANIFEST, _read(path)
    value = _json(place, raw)
    digest = value.pop("digest", "missing")
    if digest != hashlib.sha256(_canonical(value)).hexdigest() or not isinstance(value.get("files"), dict):
        raise BundleError(str(place), "its digest does not match its content", REMAKE)
    return {MANIFEST, SIGNATURE, *value["files"]}


def verify(bundle: Bundle, names: Iterable[str]) -> None:
    """Hold files against the manifest.

    Raises:
        BundleError: one is missing or damaged.
    """
    for name in names:
        path = bundle.path / name
        check_digest(path, bundle.manifest.files[name], partial(sha256_of_file, path))


def seal(path: Path, manifest: Manifest) -> None:
    """Write the manifest of a bundle whose files are all in place. The old one holds until the new one is whole.

    Raises:
        StorageError: no permission, or no space.
    """
    write_atomically(path / MANIFEST, _encode(manifest))


def digest_of(path: Path) -> FileDigest:
    """The Stamp of a file as it is now."""
    return FileDigest(sha256_of_file(path), path.stat().st_size)


def _encode(manifest: Manifest) -> bytes:
    body = {"schema": SCHEMA, **asdict(manifest)}
    return _canonical({**body, "digest": hashlib.sha256(_canonical(body)).hexdigest()})


def _canonical(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def _read(path: Path) -> bytes:
    if not path.is_dir():
        raise BundleError(str(path), "there is no such folder", "run `make export`, or give --bundle FOLDER")
    try:
        return read_regular(path / MANIFEST, most=LARGEST_MANIFEST)
    except FileNotFoundError:
        problem = f"there is no {MANIFEST}, so it is not a bundle or was never sealed"
        raise BundleError(str(path), problem, REMAKE) from None
    except OSError as error:
        raise BundleError(str(path / MANIFEST), error.strerror or str(error), "make it readable") from error


def _parse(place: Path, raw: bytes) -> Manifest:
    value = _json(place, raw)
    if value["schema"] != SCHEMA:
        problem = f"schema {str(value['schema'])[:20]}, this version of Nerve reads schema {SCHEMA}"
        raise BundleError(str(place), problem, REMAKE)
    digest = value.pop("digest", "missing")
    # Comparing bytes, and not values, refuses a manifest in which only the white space was changed, too.
    if raw != _canonical({**value, "digest": digest}) or digest != hashlib.sha256(_canonical(value)).hexdigest():
        raise BundleError(str(place), "its digest does not match its content, so it was changed", REMAKE)
    del value["schema"]
    try:
        return manifest_from_json(value)
    except SchemaError as error:
        raise BundleError(str(place), f"not a manifest of this version ({error})", REMAKE) from error


def _json(place: Path, raw: bytes) -> dict[str, Any]:
    """An object with a schema's number. Neither NaN nor a nest too deep to be read is JSON of ours."""
    try:
        value = json.loads(raw, parse_constant=_no_number)
        if isinstance(value, dict) and "schema" in value:
            return value
        problem = "no object with a schema"
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise BundleError(str(place), f"not a manifest ({problem})", REMAKE)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def check_digest(path: Path, digest: FileDigest, read: Callable[[], str]) -> None:
    """Hold a file against what the manifest says of it.

    Args:
        path: the file.
        digest: what it must be.
        read: reads it, and gives its sha256.

    Raises:
        BundleError: it is missing, or something else.
    """
    try:
        size = regular_size(path)
        # The size first: a truncated file of a gigabyte need not be read to be refused.
        found = read() if size == digest.bytes else ""
    except OSError as error:
        raise BundleError(str(path), error.strerror or str(error), REMAKE) from error
    if size != digest.bytes:
        raise BundleError(str(path), f"{size:,} bytes where the manifest says {digest.bytes:,}", REMAKE)
    if found != digest.sha256:
        detail = f"sha256 {found[:12]}... where the manifest says {digest.sha256[:12]}..., so it was changed"
        raise BundleError(str(path), detail, REMAKE)
