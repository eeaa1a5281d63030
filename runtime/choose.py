"""Which candidate to run: those that a bundle offers, those that this machine can run, and the fastest certified one.

It opens no engine and imports no engine's library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from runtime.bundle import Bundle, Candidate, Graph, Layout, Precision
from runtime.errors import BackendError, BundleError, UncertifiedError

Wanted = Precision | Literal["auto"]
AUTO: Literal["auto"] = "auto"
PYTORCH = Candidate("", "pytorch", "fp32", "cpu")
"""The checkpoint itself: the reference, never chosen unless it is asked for."""

# Backend -> precision of a graph -> the precisions that it can be run in. The first that is listed is taken where no
# speed was measured: onnxruntime, which is small and runs everywhere.
_RUNS: dict[str, dict[Precision, tuple[Precision, ...]]] = {
    "onnxruntime": {"fp32": ("fp32",), "fp16": ("fp16",)},
    "openvino": {"fp32": ("fp32", "bf16"), "int8": ("int8",)},
}
# Layouts that are candidates, most wanted last; the others only where a bundle has none of these.
_LAYOUTS: dict[str, tuple[Layout, ...]] = {"onnxruntime": ("padded", "packed"), "openvino": ("packed",)}
_CPU_INFO = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def candidates(bundle: Bundle) -> list[Candidate]:
    """Everything in a bundle that this version of Nerve can run somewhere, in order of preference without speeds."""
    return [
        Candidate(graph.file, backend, precision, "cpu")
        for backend, runs in _RUNS.items()
        for graph in _graphs(bundle, backend)
        for precision in runs.get(graph.precision, ())
    ]


def runnable(bundle: Bundle) -> list[Candidate]:
    """The candidates that this machine can run: the backend is installed, the processor has the precision."""
    return [candidate for candidate in candidates(bundle) if not _obstacle(candidate)]


def choose(bundle: Bundle, *, backend: str, precision: Wanted, file: str = "", certified: bool = True) -> Candidate:
    """The fastest certified candidate that this machine can run, by the speeds that the bundle holds.

    Args:
        bundle: whose candidates.
        backend: a name in runtime.backends.BACKENDS, or "auto".
        precision: to compute in, or "auto".
        file: one of the bundle's graphs; empty: any.
        certified: leave out candidates without a passing certificate for the installed library.

    Raises:
        BundleError: the bundle offers no such candidate; the message lists those that it does.
        BackendError: the backend is not installed, or the processor does not have the precision.
        UncertifiedError: none of those that are left holds a passing certificate.
    """
    if backend == PYTORCH.backend:
        return _pytorch(precision)
    offered = [one for one in candidates(bundle) if _matches(one, backend, precision, file)]
    if not offered:
        wanted = " in ".join(name for name in (backend, precision) if name != AUTO)
        held = ", ".join(map(str, candidates(bundle))) or "none"
        raise BundleError(str(bundle.path), f"no candidate {file or wanted} (it holds: {held})", "choose one of these")
    able = [one for one in offered if not _obstacle(one)]
    if not able:
        raise BackendError(f"backend {offered[0].backend!r}", *_obstacle(offered[0]))
    return _fastest(bundle, _certified(bundle, able) if certified else able)


def describe(bundle: Bundle, candidate: Candidate) -> str:
    """One line for people: what was taken, and how fast it was measured to be."""
    measured = next((speed for speed in bundle.manifest.speeds if speed.candidate == candidate), None)
    if measured is None:
        return f"{candidate}, speed not measured"
    return f"{candidate}, {measured.pieces_per_second:,.0f} word pieces a second when measured on {measured.machine}"


def has_bf16() -> bool:
    """Whether the processor multiplies in bf16, as Linux tells; elsewhere it is not known and so not counted on."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return not _BF16_FLAGS.isdisjoint(flags.split())


def installed_version(backend: str) -> str:
    """Of the backend's library; empty where it is not installed."""
    # A library that is loaded says it itself; the standard library's way takes longer to import than to ask.
    if loaded := getattr(sys.modules.get(backend), "__version__", ""):
        return str(loaded).partition("-")[0]
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(backend)
    except PackageNotFoundError:
        return ""


def _graphs(bundle: Bundle, backend: str) -> Sequence[Graph]:
    graphs = bundle.manifest.graphs
    return [graph for graph in graphs if graph.layout in _LAYOUTS[backend]] or graphs


def _matches(candidate: Candidate, backend: str, precision: Wanted, file: str) -> bool:
    same_backend, same_precision = backend in (AUTO, candidate.backend), precision in (AUTO, candidate.precision)
    return same_backend and same_precision and file in ("", candidate.file)


def _obstacle(candidate: Candidate) -> tuple[str, str] | tuple[()]:
    """Why this machine cannot run it, and what to do; empty where it can."""
    if not installed_version(candidate.backend):
        found = f"the library {candidate.backend!r} is not installed"
        return found, f"pip install 'nerve-ner[{candidate.backend}]'"
    if candidate.precision == "bf16" and not has_bf16():
        return "this processor does not compute in bf16", "choose another precision"
    return ()


def _certified(bundle: Bundle, able: Sequence[Candidate]) -> list[Candidate]:
    """Those with a passing certificate for the installed library; the first one's error where there are none."""
    passed, errors = [], []
    for candidate in able:
        try:
            certificate = bundle.certificate(candidate)
            certificate.check_version(candidate.backend, installed_version(candidate.backend))
            passed.append(candidate)
        except UncertifiedError as error:
            errors.append(error)
    if not passed:
        raise errors[0]
    return passed


def _fastest(bundle: Bundle, able: Sequence[Candidate]) -> Candidate:
    # The first of equals is kept: without speeds that is the order of preference.
    return max(able, key=bundle.speed)


def _pytorch(precision: Wanted) -> Candidate:
    if precision not in (AUTO, PYTORCH.precision):
        raise BackendError(f"backend {PYTORCH.backend!r}", f"it runs fp32, not {precision}", "use another backend")
    return PYTORCH
