"""Versions of installed libraries, and the number of threads that this process may use. No library is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress


def installed_version(library: str, distributions: Sequence[str] = ()) -> str:
    """The version of a library; empty where it is not installed.

    Args:
        library: the name that it is imported by.
        distributions: packages that bring it; the first installed one gives the version. Empty: a package of the
            same name.
    """
    # A loaded library has its version at hand; importlib.metadata takes longer, its import included.
    if loaded := getattr(sys.modules.get(library), "__version__", ""):
        return str(loaded).partition("-")[0]
    from importlib.metadata import PackageNotFoundError, version

    for distribution in distributions or (library,):
        with suppress(PackageNotFoundError):
            return version(distribution)
    return ""


def available_threads() -> int:
    """Number of CPUs that this process may use; a container or taskset may allow fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def yield_cores() -> None:
    """Let OpenMP's waiting threads give way soon; to be called before torch loads, which reads it then.

    With libgomp's default of 300,000 turns, a step of PyTorch takes ten times as long while another program keeps the
    cores busy. On idle cores it takes the same time.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
