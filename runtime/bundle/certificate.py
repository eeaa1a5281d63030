"""A certificate: the measured agreement of one candidate with its checkpoint, and where it holds.

How one is earned is export.certify's matter.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from runtime.bundle.schema import LATER
from runtime.errors import UncertifiedError
from runtime.system.cpu import ANY_SUMS, CpuFeature

CERTIFY = "run `python -m export.certify`, or allow uncertified candidates"


EXPORT_HERE = "export it here (`python -m export ... --int8`)"


Layout = Literal["padded", "packed"]


Precision = Literal["fp32", "fp16", "bf16", "int8", "fp8", "int4"]


Device = Literal["cpu", "cuda"]
AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What can run a bundle: a file, the backend that runs it, in which precision, on which device.

    The precision is what is computed in, and can be lower than the file's: OpenVINO runs an fp32 graph in bf16.
    The file is empty for the checkpoint itself, which backend pytorch runs.
    """

    file: str
    backend: str
    precision: Precision
    device: Device

    def __str__(self) -> str:
        return f"{self.file or 'checkpoint'} on {self.backend} in {self.precision}, {self.device}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a candidate must be; "auto" and "" leave it open.

    Attributes:
        backend: the name of one, or "auto".
        precision: to compute in, or "auto".
        device: to run on, or "auto".
        file: the bundle's graph or TensorRT engine to run; empty: any.
    """

    backend: str = AUTO
    precision: Precision | Literal["auto"] = AUTO
    device: Device | Literal["auto"] = AUTO
    file: str = ""

    def matches(self, candidate: Candidate) -> bool:
        """Whether the candidate is what is wanted."""
        return (
            self.backend in (AUTO, candidate.backend)
            and self.precision in (AUTO, candidate.precision)
            and self.device in (AUTO, candidate.device)
            and self.file in ("", candidate.file)
        )

    def __str__(self) -> str:
        name = " in ".join(part for part in (self.backend, self.precision) if part != AUTO)
        return self.file or (name + (f" on {self.device}" if self.device != AUTO else "")).lstrip() or AUTO


ANY = Wanted()


@dataclass(frozen=True, slots=True)
class Probe:
    """A few short texts and what the candidate said of them; see runtime.self_check.

    Attributes:
        texts: words of each.
        logits: of all words, text after text, as 32-bit little-endian floats in hexadecimal. [words, labels]
    """

    texts: tuple[tuple[str, ...], ...] = ()
    logits: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The measured agreement of one candidate (file x backend x precision x device) with the checkpoint.

    Attributes:
        file, backend, precision, device: the candidate.
        versions: of the libraries that ran it and the checkpoint.
        corpus: name of the text it was measured on, without the folders of the machine.
        corpus_sha256: of that text.
        measured: figures by name; export.certify documents each.
        limits: the gate's bounds that the figures were held against.
        passed: whether every bound held. The runtime does not believe it; see runtime.bundle.doubts.
        cpu_requirements: what the CPU must do for it to hold, as it did when it was measured; see runtime.system.cpu.
        entities: gold entities of the corpus by type, of the types that the checkpoint knows.
        files: sha256 of each file that its answers come from: graph, external weights, tokenizer, configuration.
        interface_sha256: of the labels and limits that it was measured with; see runtime.bundle.doubts.
        probe: what the candidate must say again wherever it is loaded.
        elsewhere, elsewhere_sha256: the same of the second text, which nothing was fitted to; empty where there is
            none, as in fp32.
        rows: lengths of single rows that were compiled for, which every sentence alone went through, too;
            see runtime.backends.base.BackendOptions. The certificate covers these lengths together, and no others.
        residual_in_fp32: whether the residual stream was in fp32 where OpenVINO computed in bf16; see
            runtime.backends.openvino_residual. Without it the certificate holds for all in bf16.
    """

    file: str
    backend: str
    precision: Precision
    device: Device
    versions: dict[str, str]
    corpus: str
    corpus_sha256: str
    measured: dict[str, float | int | None]
    limits: dict[str, float]
    passed: bool
    cpu_requirements: tuple[CpuFeature, ...] = ()
    entities: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    interface_sha256: str = ""
    probe: Probe = field(default=Probe(), metadata={LATER: True})
    elsewhere: str = field(default="", metadata={LATER: True})
    elsewhere_sha256: str = field(default="", metadata={LATER: True})
    rows: tuple[int, ...] = field(default=(), metadata={LATER: True})
    residual_in_fp32: bool = field(default=False, metadata={LATER: True})

    @property
    def candidate(self) -> Candidate:
        """Whose certificate it is."""
        return Candidate(self.file, self.backend, self.precision, self.device)

    @property
    def trial(self) -> tuple[Candidate, str, str]:
        """What was measured: the candidate, and the digests of both texts."""
        return self.candidate, self.corpus_sha256, self.elsewhere_sha256

    def holds_on(self, cpu_features: Collection[CpuFeature]) -> bool:
        """Whether a CPU with these abilities computes as the one did that it was measured on."""
        return set(self.cpu_requirements) <= set(cpu_features)

    def check_cpu(self, cpu_features: Collection[CpuFeature]) -> None:
        """Refuse to vouch for a CPU that computes otherwise than the one it was measured on.

        Raises:
            UncertifiedError: it does.
        """
        if self.holds_on(cpu_features):
            return
        subject, had, has = (
            f"{self.file} on {self.backend}",
            " and ".join(self.cpu_requirements),
            " and ".join(sorted(cpu_features)),
        )
        problem = f"certified on a CPU that has {had}, this one has {has or 'told nothing of itself'}"
        if set(ANY_SUMS) <= set(self.cpu_requirements):
            problem = "certified on a CPU that is not known, and int8 depends on it"
        # To certify it here would fail: sums of 8 bits are cut off on this CPU.
        remake = "vnni" in self.cpu_requirements and "vnni" not in cpu_features
        raise UncertifiedError(subject, problem, f"{EXPORT_HERE}, or choose another precision" if remake else CERTIFY)

    def check_version(self, library: str, installed: str) -> None:
        """Refuse to vouch for another release of the library than the one measured; patch releases are let pass.

        Raises:
            UncertifiedError: major or minor version differ.
        """
        measured = self.versions.get(library, "none")
        if release(measured) != release(installed):
            subject, problem = (
                f"{self.file} on {self.backend}",
                f"certified with {library} {measured}, here is {installed}",
            )
            raise UncertifiedError(subject, problem, f"install {library} {measured}, or {CERTIFY}")


def release(version: str) -> list[str]:
    """Major and minor number of a version; patch releases answer alike."""
    return version.split(".")[:2]
