"""A machine that has what a test says, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runtime.system.cpu import CpuFeature
from runtime.system.gpu import Gpu


@dataclass(frozen=True)
class FakeMachine:
    """See runtime.system.machine.Machine.

    Attributes:
        features: of its CPU.
        own_gpu: its GPU, or None.
        packages: version of each distribution that is installed.
        files: (library, file) of every file that is in a library's folder.
        shared: files that the linker finds.
    """

    features: frozenset[CpuFeature] = frozenset()
    own_gpu: Gpu | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    files: frozenset[tuple[str, str]] = frozenset()
    shared: frozenset[str] = frozenset()

    def cpu_features(self) -> frozenset[CpuFeature]:
        """See Machine."""
        return self.features

    def gpu(self) -> Gpu | None:
        """See Machine."""
        return self.own_gpu

    def version(self, library: str, distributions: Sequence[str]) -> str:
        """See Machine."""
        return next((self.packages[name] for name in distributions if name in self.packages), "")

    def has_file(self, library: str, file: str) -> bool:
        """See Machine."""
        return (library, file) in self.files

    def has_shared_library(self, name: str, file: str) -> bool:
        """See Machine."""
        return file in self.shared
