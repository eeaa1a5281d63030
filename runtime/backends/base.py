"""Backends: the libraries that execute a model. A backend is a constructor in BACKENDS, and this is all it must be:

    class Backend(Protocol)     token ids in, logits out
    BACKENDS                    name -> how to open it; each imports its library inside
    open_backend                choose, open, and say plainly what is missing

A backend knows nothing of text, label names, or any file but its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.batch.batches import Batch, Packing
from runtime.bundle.store import Bundle, Candidate, Device, Layout
from runtime.errors import BackendError, UsageError
from runtime.selection import AUTO, OnDevice, Wanted, choose, extra_of

Goal = Literal["throughput", "latency", "once"]
"""Many texts in the least time; each single one in the least time; or a few texts, the start included."""
NO_SETTINGS: Mapping[str, str] = {}


class Backend(Protocol):
    """Token ids in, logits out.

    Attributes:
        layout: of the rows that it takes.
        streams: calls of logits() that run at once, from as many threads; more may come, and wait.
        device: what it runs on, such as "cpu".
        version: of the library that runs.
        packing: the batches that it wants.
    """

    @property
    def layout(self) -> Layout: ...
    @property
    def streams(self) -> int: ...
    @property
    def device(self) -> Device: ...
    @property
    def version(self) -> str: ...
    @property
    def packing(self) -> Packing: ...

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Logits of every token slot, [rows, length, labels]; those of token slots that hold nothing have no meaning.

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
        precision: to compute in, or "auto".
        threads: for the engine; see available_threads.
        checkpoint: where the PyTorch checkpoint lies; only the backend pytorch reads it.
        certified: refuse a candidate without a passing certificate.
        file: the bundle's graph to run; empty: whichever is chosen.
        goal: see Goal.
        device: to run on, or "auto".
        engine: settings of the engine in its own words; a backend says which it takes, and CPU backends take none.
    """

    precision: Wanted
    threads: int
    checkpoint: Path
    certified: bool
    file: str = ""
    goal: Goal = "throughput"
    device: OnDevice = AUTO
    engine: Mapping[str, str] = field(default_factory=dict)


Opener = Callable[[Bundle, Candidate, Options], Backend]


def _onnxruntime(bundle: Bundle, candidate: Candidate, options: Options) -> Backend:
    if candidate.device == "cuda":
        from runtime.backends.onnxruntime_cuda import open_onnxruntime_cuda

        return open_onnxruntime_cuda(bundle, candidate, options)
    _takes_no_settings(candidate, options)
    from runtime.backends.onnxruntime_cpu import open_onnxruntime

    return open_onnxruntime(bundle, candidate, options)


def _onnxruntime_tensorrt(bundle: Bundle, candidate: Candidate, options: Options) -> Backend:
    from runtime.backends.onnxruntime_cuda import open_onnxruntime_tensorrt

    return open_onnxruntime_tensorrt(bundle, candidate, options)


def _tensorrt(bundle: Bundle, candidate: Candidate, options: Options) -> Backend:
    from runtime.backends.tensorrt_engine import open_tensorrt

    return open_tensorrt(bundle, candidate, options)


def _openvino(bundle: Bundle, candidate: Candidate, options: Options) -> Backend:
    _takes_no_settings(candidate, options)
    from runtime.backends.openvino_cpu import open_openvino

    return open_openvino(bundle, candidate, options)


def _pytorch(bundle: Bundle, candidate: Candidate, options: Options) -> Backend:
    _takes_no_settings(candidate, options)
    from runtime.backends.pytorch_reference import open_pytorch

    return open_pytorch(bundle, candidate, options)


BACKENDS: dict[str, Opener] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorrt": _tensorrt,
    "onnxruntime-tensorrt": _onnxruntime_tensorrt,
    "pytorch": _pytorch,
}


def candidate_for(name: str, bundle: Bundle, options: Options) -> Candidate:
    """What to run: the fastest certified candidate that the backend's name and the options leave; "auto" leaves all.

    Raises:
        BackendError: there is no such backend, its library is not installed (the extra is named), or it is not able.
        BundleError: the bundle does not hold what the backend needs.
        UncertifiedError: no candidate asked for is certified.
    """
    if name != AUTO and name not in BACKENDS:
        raise BackendError(f"backend {name!r}", "unknown", f"choose one of {', '.join((AUTO, *BACKENDS))}")
    return choose(
        bundle,
        backend=name,
        precision=options.precision,
        device=options.device,
        file=options.file,
        certified=options.certified,
        start_counts=options.goal == "once",
    )


def open_backend(name: str, bundle: Bundle, options: Options) -> Backend:
    """Choose as candidate_for does, and open it; it raises what the two do."""
    return open_candidate(candidate_for(name, bundle, options), bundle, options)


def open_candidate(candidate: Candidate, bundle: Bundle, options: Options) -> Backend:
    """Open what runtime.selection.choose took.

    Raises:
        BackendError: the backend's library is not installed (the extra is named), or it cannot load the graph.
    """
    try:
        return BACKENDS[candidate.backend](bundle, candidate, options)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        problem = f"the library {library!r} is not installed"
        fix = f"pip install 'nerve-ner[{extra_of(candidate)}]'"
        raise BackendError(f"backend {candidate.backend!r}", problem, fix) from error


def _takes_no_settings(candidate: Candidate, options: Options) -> None:
    if options.engine:
        subject = f"engine setting {next(iter(options.engine))!r}"
        raise UsageError(subject, f"{candidate.backend} on {candidate.device} takes none", "leave it out")
