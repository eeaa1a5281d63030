"""What this machine has, as far as a backend must know: CPU features, a GPU, installed libraries.

Backends are asked whether they can run on a Machine. It is handed in, so that a test can ask about another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from runtime.system.cpu import CpuFeature, cpu_features
from runtime.system.gpu import Gpu, gpu
from runtime.system.libraries import installed_version


class Machine(Protocol):
    """What a backend may ask of the machine that it is to run on."""

    def cpu_features(self) -> frozenset[CpuFeature]:
        """What the CPU does that answers in low precision depend on."""
        ...

    def gpu(self) -> Gpu | None:
        """The first NVIDIA GPU; None without one, or without a driver for it."""
        ...

    def version(self, library: str, distributions: Sequence[str]) -> str:
        """Version of a library, which one of these distributions brings; empty where none is installed."""
        ...

    def has_file(self, library: str, file: str) -> bool:
        """Whether the library's folder holds that file, such as a provider that only some of its packages bring."""
        ...

    def has_shared_library(self, name: str, file: str) -> bool:
        """Whether the system's linker finds that file under that name, such as "nvinfer" and "libnvinfer.so.10"."""
        ...


class ThisMachine:
    """The machine that this process runs on. Each question is answered when it is asked, none before."""

    def cpu_features(self) -> frozenset[CpuFeature]:
        """See Machine."""
        return cpu_features()

    def gpu(self) -> Gpu | None:
        """See Machine. The driver is asked once; that takes longer than all other questions together."""
        return gpu()

    def version(self, library: str, distributions: Sequence[str]) -> str:
        """See Machine."""
        return installed_version(library, distributions)

    def has_file(self, library: str, file: str) -> bool:
        """See Machine."""
        found = find_spec(library)
        folders = (found and found.submodule_search_locations) or ()
        return any((Path(folder) / file).is_file() for folder in folders)

    def has_shared_library(self, name: str, file: str) -> bool:
        """See Machine."""
        return find_library(name) == file


THIS_MACHINE = ThisMachine()
