"""Backends: the libraries that execute a model. A backend is a constructor in BACKENDS, and this is all it must be:

    class Backend(Protocol)     word-piece ids in, logits out
    BACKENDS                    name -> how to open it; each imports its library inside
    open_backend                look up, open, and say plainly what is missing

A backend knows nothing of text, label names, or any file but its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.bundle import Bundle, Layout, Precision
from runtime.errors import BackendError
from runtime.pack import Batch


class Backend(Protocol):
    """Word-piece ids in, logits out.

    Attributes:
        layout: of the rows that it takes.
        device: what it runs on, such as "cpu".
        version: of the library that runs.
    """

    @property
    def layout(self) -> Layout: ...
    @property
    def device(self) -> str: ...
    @property
    def version(self) -> str: ...

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Logits of every cell, [rows, length, labels]; those of cells that hold nothing have no meaning.

        Raises:
            BackendError: the engine refused the batch.
        """
        ...

    def close(self) -> None:
        """Give back memory and threads. A closed backend is not used again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user can ask of a backend.

    Attributes:
        precision: of the graph to run.
        threads: for the engine; see available_threads.
        checkpoint: where the PyTorch checkpoint lies; only the backend pytorch reads it.
        certified: refuse a candidate without a passing certificate.
    """

    precision: Precision
    threads: int
    checkpoint: Path
    certified: bool


Opener = Callable[[Bundle, Options], Backend]


def _onnxruntime(bundle: Bundle, options: Options) -> Backend:
    from runtime.backends.ort import open_onnxruntime

    return open_onnxruntime(bundle, options)


def _pytorch(bundle: Bundle, options: Options) -> Backend:
    from runtime.backends.pytorch import open_pytorch

    return open_pytorch(bundle, options)


BACKENDS: dict[str, Opener] = {"onnxruntime": _onnxruntime, "pytorch": _pytorch}


def open_backend(name: str, bundle: Bundle, options: Options) -> Backend:
    """Open the backend of that name on a bundle.

    Raises:
        BackendError: there is no such backend, or its library is not installed (the extra is named).
        BundleError: the bundle does not hold what the backend needs.
    """
    if name not in BACKENDS:
        raise BackendError(f"backend {name!r}", "unknown", f"choose one of {', '.join(BACKENDS)}")
    try:
        return BACKENDS[name](bundle, options)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        found = f"the library {library!r} is not installed"
        raise BackendError(f"backend {name!r}", found, f"pip install 'nerve-ner[{name}]'") from error


def available_threads() -> int:
    """Processors that this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
