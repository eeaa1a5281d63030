"""Machine: the facts of a machine on which a backend depends: CPU features, GPU and installed libraries.

It is an argument of whoever decides which backend can run, so that a test can hand in another machine. The module does
not know backends.
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
    """The facts of a machine, each read when it is asked for."""

    def cpu_features(self) -> frozenset[CpuFeature]:
        """CPU features on which the answers in low precision depend."""
        ...

    def gpu(self) -> Gpu | None:
        """The first NVIDIA GPU; None without a GPU or without its driver."""
        ...

    def version(self, library: str, distributions: Sequence[str]) -> str:
        """Version of a library; empty where it is not installed.

        Args:
            library: the name that it is imported by.
            distributions: packages that bring it; the first installed one gives the version.
        """
        ...

    def has_file(self, library: str, file: str) -> bool:
        """Whether the folder of an installed library holds a file, such as one that only some of its packages bring."""
        ...

    def has_shared_library(self, name: str, file: str) -> bool:
        """Whether the system's linker finds `file` for `name`: "libnvinfer.so.10" for "nvinfer"."""
        ...


class ThisMachine:
    """The machine that this process runs on. A fact is read when it is asked for, because some take long to read."""

    def cpu_features(self) -> frozenset[CpuFeature]:
        """See Machine."""
        return cpu_features()

    def gpu(self) -> Gpu | None:
        """See Machine. The driver is asked once in a process: it takes longer than all other facts together."""
        return gpu()

    def version(self, library: str, distributions: Sequence[str]) -> str:
        """See Machine."""
        return installed_version(library, distributions)

    def has_file(self, library: str, file: str) -> bool:
        """See Machine."""
        # find_spec looks for the library without importing it, which would load all of its shared libraries.
        found = find_spec(library)
        folders = (found and found.submodule_search_locations) or ()
        return any((Path(folder) / file).is_file() for folder in folders)

    def has_shared_library(self, name: str, file: str) -> bool:
        """See Machine."""
        return find_library(name) == file


THIS_MACHINE = ThisMachine()
