"""Which libraries are installed, and how many threads this process may use. It imports none of them."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

# Distributions that a backend's library comes in, the one for GPUs first; where none is named, it is the backend's.
_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime"),
    "onnxruntime-tensorrt": ("onnxruntime-gpu",),
    "tensorrt": ("tensorrt-cu13", "tensorrt-cu13-bindings", "tensorrt"),
}


def installed_version(backend: str) -> str:
    """Of the backend's library; empty where it is not installed."""
    # A library that is loaded says it itself; the standard library's way takes longer to import than to ask.
    if loaded := getattr(sys.modules.get(backend), "__version__", ""):
        return str(loaded).partition("-")[0]
    from importlib.metadata import PackageNotFoundError, version

    for distribution in _DISTRIBUTIONS.get(backend, (backend,)):
        with suppress(PackageNotFoundError):
            return version(distribution)
    return ""


def available_threads() -> int:
    """CPUs that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
