"""Which libraries are installed, and how many threads this process may use. It imports none of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress


def installed_version(library: str, distributions: Sequence[str] = ()) -> str:
    """The version of a library; empty where it is not installed.

    Args:
        library: the name that it is imported by.
        distributions: the packages that can bring it, the first that is installed counts; none: one of the same name.
    """
    # A library that is loaded knows its version; to ask the standard library takes longer, its import included.
    if loaded := getattr(sys.modules.get(library), "__version__", ""):
        return str(loaded).partition("-")[0]
    from importlib.metadata import PackageNotFoundError, version

    for distribution in distributions or (library,):
        with suppress(PackageNotFoundError):
            return version(distribution)
    return ""


def available_threads() -> int:
    """CPUs that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
