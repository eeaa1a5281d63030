"""What a manifest holds, as types: files, graphs, engines, candidates, their certificates and speeds.

It reads and writes nothing; runtime.bundle.store does. It knows what a certificate holds, and not how one is earned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from runtime.bundle.attestation import Attestation
from runtime.bundle.certificate import Candidate, Certificate, Layout, Precision, release
from runtime.bundle.profile import RunProfile, check_lengths, check_profiles
from runtime.bundle.schema import LATER, SchemaError, read
from runtime.text.crf import Crf
from runtime.text.label_names import OUTSIDE, SchemeName

MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"

# Folders inside the bundle are fine, names that lead out of it are not; neither are hidden files.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +=-]*(/[A-Za-z0-9_][A-Za-z0-9_. +=-]*){0,4}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 200
# Far beyond any checkpoint that there is; arrays of these sizes can still be made.
_LONGEST_ROW, _LARGEST_TABLE, _MOST_LABELS = 1 << 20, 1 << 24, 1 << 16


@dataclass(frozen=True, slots=True)
class FileDigest:
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
        made_for: the one backend, on a GPU, whose own operators it has; empty: any backend on any device.
        capturable: whether a GPU can capture a batch as a CUDA graph. Not where the CPU must be told in the
            middle of it how large what follows is.
        seven_bit: of int8: weights of 7 bits, and fp32 between products, so that every CPU answers alike; see
            runtime.system.cpu.
    """

    file: str
    precision: Precision
    layout: Layout
    opset: int
    inputs: tuple[str, ...]
    made_for: str = ""
    capturable: bool = True
    seven_bit: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A batch that an engine was built for, and no other: rows x length."""

    rows: int
    length: int


@dataclass(frozen=True, slots=True)
class Engine:
    """A TensorRT plan of the bundle, for the TensorRT version that it was built with.

    An engine of TensorRT runs on one GPU model; one of TensorRT for RTX is portable: it runs on every GPU model that
    has one of its compute capabilities.

    Attributes:
        file: name in the bundle.
        graph: name of the ONNX file that it was built from.
        graph_sha256: of that file.
        precision, layout, inputs: as of the graph.
        gpu: name of the GPU model, such as "NVIDIA H100 80GB HBM3"; empty: any model.
        compute_capability: such as "9.0"; of a portable one several, such as "8.0, 8.6, 8.9".
        tensorrt, driver: versions of the library and of the GPU's driver; no driver where it was built without a GPU.
        profiles: batches that it takes.
        layers: how many of its layers that multiply matrices compute in each precision, by what TensorRT tells.
        backend: the backend that runs it.
    """

    file: str
    graph: str
    graph_sha256: str
    precision: Precision
    layout: Layout
    inputs: tuple[str, ...]
    gpu: str
    compute_capability: str
    tensorrt: str
    driver: str
    profiles: tuple[Profile, ...]
    layers: dict[str, int]
    backend: str = "tensorrt"

    @property
    def built_for(self) -> str:
        """What it runs on, for people: "NVIDIA L4 (sm_89, TensorRT 11.4)"."""
        each = ", ".join(sm(capability) for capability in self.compute_capability.split(", "))
        library = "TensorRT" if self.backend == "tensorrt" else "TensorRT for RTX"
        return f"{self.gpu or 'any GPU'} ({each}, {library} {'.'.join(release(self.tensorrt))})"


@dataclass(frozen=True, slots=True)
class Source:
    """The checkpoint that a bundle was made from.

    Attributes:
        name: the folder or the hub id that it was given by, the latter with its revision where one was given.
        sha256: digest over its configuration, its weights and its tokenizer.json; empty where nobody says.
        tokenizer_sha256: digest over all files that make its tokenizer.
        commit: of the hub's repository; empty where it was a folder.
    """

    name: str
    sha256: str
    tokenizer_sha256: str = field(default="", metadata={LATER: True})
    commit: str = field(default="", metadata={LATER: True})

    @property
    def pinned(self) -> str:
        """The name by which the same bytes are found again: a hub id with its commit, or the folder."""
        return f"{self.name.partition('@')[0]}@{self.commit}" if self.commit else self.name


@dataclass(frozen=True, slots=True)
class OneTextSpeed:
    """How fast a candidate is with one text at a time, and how it is set up for that; export.tune.one_text measures it.

    Attributes:
        p50_ms, p99_ms: milliseconds that the backend takes for a sentence; 0 where they were not measured.
        threads: number of threads that they were measured with, the fastest.
        lengths: see runtime.backends.base.BackendOptions; those that pay off.
    """

    p50_ms: float = 0.0
    p99_ms: float = 0.0
    threads: int = 0
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a candidate was, measured with all candidates of its bundle in turn.

    Attributes:
        candidate: whose.
        tokens_per_second: tokens through packing and engine; export.tune says how.
        machine: its CPU and how many of them were used.
        one_text: what it needs for one text at a time.
    """

    candidate: Candidate
    tokens_per_second: float
    machine: str
    one_text: OneTextSpeed = field(default=OneTextSpeed(), metadata={LATER: True})


@dataclass(frozen=True, slots=True)
class Reading:
    """How well and how fast a reading policy reads documents; export.reading says how that is measured.

    Attributes:
        policy, context: see runtime.batch.windowing; context is 0 where the policy has none.
        f1: of entities, 0 to 1, on documents of the training text.
        tokens_per_second: from texts to entities, in the same runs.
        is_default: whether it is how the bundle is read unless a user says otherwise.
    """

    policy: Literal["auto", "sentences", "context", "windows"]
    context: int
    f1: float
    tokens_per_second: float
    is_default: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        checkpoint: what it was made from.
        labels: label names in the order of the logits.
        max_length: most tokens a row can hold, special ones included.
        vocabulary: rows of the embedding table; every token id is below it.
        files: every file of the bundle but the manifest, by name.
        graphs: the ONNX files among them.
        certificates: at most one for each candidate.
        versions: of every library that made the bundle.
        speeds: at most one for each candidate.
        attestations: of each graph, and of engines on it that tell what they do.
        engines: TensorRT plans among the files.
        readings: the reading policies that were measured, at most one of them the default.
        profiles: ways to run it that were tuned for a goal, each with a name of its own.
        crf: the checkpoint's CRF, where it has one; at most one.
        label_scheme: how the labels spell entities; "" in bundles that do not say: as the names show.
        failed: what candidates came to on texts that they failed on, at most one for each candidate and its texts. They
            are not served until they pass on the same texts; see runtime.bundle.doubts.
    """

    checkpoint: Source
    labels: tuple[str, ...]
    max_length: int
    vocabulary: int
    files: dict[str, FileDigest]
    graphs: tuple[Graph, ...]
    certificates: tuple[Certificate, ...]
    versions: dict[str, str]
    speeds: tuple[Speed, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    engines: tuple[Engine, ...] = ()
    readings: tuple[Reading, ...] = field(default=(), metadata={LATER: True})
    profiles: tuple[RunProfile, ...] = field(default=(), metadata={LATER: True})
    label_scheme: SchemeName = field(default="", metadata={LATER: True})
    failed: tuple[Certificate, ...] = field(default=(), metadata={LATER: True})
    crf: tuple[Crf, ...] = field(default=(), metadata={LATER: True})

    @property
    def default_reading(self) -> Reading | None:
        """How the bundle is read unless a user says otherwise; None where that was not measured."""
        return next((reading for reading in self.readings if reading.is_default), None)


def manifest_from_json(value: dict[str, Any]) -> Manifest:
    """From JSON to types.

    Raises:
        SchemaError: a field is missing, unknown, of another type or out of range, or a name is no file of the bundle.
    """
    manifest = read(Manifest, value)
    _check_files(manifest)
    _check_ranges(manifest)
    return manifest


def sm(compute_capability: str) -> str:
    """A compute capability as NVIDIA's compilers name it: "9.0" is "sm_90"."""
    return f"sm_{compute_capability.replace('.', '')}"


def _check_files(manifest: Manifest) -> None:
    """Files have plain names, and everything else names none but them."""
    for name in manifest.files:
        if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST or len(name) > _LONGEST_NAME:
            raise SchemaError(f"files: {name[:60]!r} is not a plain file name")
    named = [graph.file for graph in manifest.graphs] + [engine.file for engine in manifest.engines]
    for name in named:
        if name not in manifest.files:
            raise SchemaError(f"{name[:60]!r} is not among the files")
    if len({*named}) < len(named):
        raise SchemaError("two graphs or engines have one file")
    for certificate in (*manifest.certificates, *manifest.failed):
        if certificate.file not in named:
            raise SchemaError(f"certificates: {certificate.file[:60]!r} is neither a graph nor an engine")
        check_lengths(certificate.rows, "certificates")
    check_profiles(manifest.profiles, named)
    for speed in manifest.speeds:
        check_lengths(speed.one_text.lengths, "speeds")
    if sum(reading.is_default for reading in manifest.readings) > 1:
        raise SchemaError("readings: two defaults")
    if len({one.candidate for one in manifest.certificates}) < len(manifest.certificates):
        raise SchemaError("certificates: two of one candidate")
    if len({one.trial for one in manifest.failed}) < len(manifest.failed):
        raise SchemaError("failed: two of one candidate on one text")
    for required in (TOKENIZER, CONFIG):
        if required not in manifest.files:
            raise SchemaError(f"files: {required} is missing")


def _check_ranges(manifest: Manifest) -> None:
    """Numbers that sizes of arrays come from, and labels that name each logit once."""
    for name, number, most in (
        ("max_length", manifest.max_length, _LONGEST_ROW),
        ("vocabulary", manifest.vocabulary, _LARGEST_TABLE),
        ("labels", len(manifest.labels), _MOST_LABELS),
    ):
        if not 1 <= number <= most:
            raise SchemaError(f"{name}: {number:,} where 1 to {most:,} was expected")
    if OUTSIDE not in manifest.labels or len({*manifest.labels}) < len(manifest.labels):
        raise SchemaError('labels: each once, and "O" among them, was expected')
    for crf in manifest.crf:
        sizes = {len(each) for each in (crf.start, crf.end, crf.steps, *crf.steps)}
        if sizes != {len(manifest.labels)} or len(manifest.crf) > 1:
            raise SchemaError("crf: one, with a weight for each label and each pair of labels, was expected")
    for each in manifest.files.values():
        if not _SHA256.fullmatch(each.sha256):
            raise SchemaError("files: a sha256 is not 64 hexadecimal digits")
