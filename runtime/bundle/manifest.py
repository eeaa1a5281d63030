"""What a manifest holds, as types: files, graphs, engines, candidates, their certificates and speeds.

It reads and writes nothing; runtime.bundle.store does. It knows what a certificate holds, and not how one is earned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runtime.bundle.attestation import Attestation, KeptLayer
from runtime.bundle.certificate import Candidate, Certificate, Layout, Precision, release
from runtime.system.cpu import ANY_SUMS


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
    """A TensorRT plan of the bundle. It runs on the GPU model and with the TensorRT version that it was built with.

    Attributes:
        file: name in the bundle.
        graph: name of the ONNX file that it was built from.
        graph_sha256: of that file.
        precision, layout, inputs: as of the graph.
        gpu: name of the GPU model, such as "NVIDIA H100 80GB HBM3".
        compute_capability: such as "9.0".
        tensorrt, driver: versions of the library and of the GPU's driver.
        profiles: batches that it takes.
        layers: how many of its layers that multiply matrices compute in each precision, by the engine inspector.
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

    @property
    def built_for(self) -> str:
        """What it runs on, for people: "NVIDIA L4 (sm_89, TensorRT 11.4)"."""
        return f"{self.gpu} ({sm(self.compute_capability)}, TensorRT {'.'.join(release(self.tensorrt))})"


@dataclass(frozen=True, slots=True)
class Source:
    """The checkpoint that a bundle was made from: the name it was given by, and a digest over its files."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a candidate was, measured with all candidates of its bundle in turn.

    Attributes:
        candidate: whose.
        tokens_per_second: tokens through packing and engine; export.tune says how.
        machine: its CPU and how many of them were used.
    """

    candidate: Candidate
    tokens_per_second: float
    machine: str


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


def manifest_from_json(value: dict[str, Any]) -> Manifest:
    """From JSON to types. The digest has vouched for the content: what we wrote has the shape that we wrote."""
    return Manifest(
        checkpoint=Source(**value["checkpoint"]),
        labels=tuple(value["labels"]),
        max_length=value["max_length"],
        vocabulary=value["vocabulary"],
        files={name: FileDigest(**digest) for name, digest in value["files"].items()},
        graphs=tuple(Graph(**{**graph, "inputs": tuple(graph["inputs"])}) for graph in value["graphs"]),
        certificates=tuple(_certificate(each) for each in value["certificates"]),
        versions=value["versions"],
        speeds=tuple(
            Speed(**{**speed, "candidate": Candidate(**speed["candidate"])}) for speed in value.get("speeds", ())
        ),
        attestations=tuple(
            Attestation(**{**each, "kept": tuple(KeptLayer(**kept) for kept in each["kept"])})
            for each in value.get("attestations", ())
        ),
        engines=tuple(_engine(each) for each in value.get("engines", ())),
    )


def sm(compute_capability: str) -> str:
    """A compute capability as NVIDIA's compilers name it: "9.0" is "sm_90"."""
    return f"sm_{compute_capability.replace('.', '')}"


def _certificate(value: dict[str, Any]) -> Certificate:
    # Those of int8 that were written before they said so: on which CPU, nobody knows.
    unknown = ANY_SUMS if (value["precision"], value["device"]) == ("int8", "cpu") else ()
    return Certificate(**{**value, "cpu_requirements": tuple(value.get("cpu_requirements", unknown))})


def _engine(value: dict[str, Any]) -> Engine:
    profiles = tuple(Profile(**profile) for profile in value["profiles"])
    return Engine(**{**value, "inputs": tuple(value["inputs"]), "profiles": profiles})
