"""Which candidate to run: those that a bundle offers, those that this machine can run, and the fastest certified one.

It opens no engine and imports no engine's library; whether there is a GPU, the driver is asked (runtime.system.gpu).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from runtime.bundle.manifest import sm
from runtime.bundle.store import Bundle, Candidate, Device, Engine, Graph, Layout, Precision
from runtime.errors import BackendError, BundleError, UncertifiedError
from runtime.system.cpu import cpu_features, has_bf16
from runtime.system.gpu import Gpu, gpu
from runtime.system.libraries import installed_version

Wanted = Precision | Literal["auto"]
OnDevice = Device | Literal["auto"]
AUTO: Literal["auto"] = "auto"
PYTORCH = Candidate("", "pytorch", "fp32", "cpu")
"""The checkpoint itself: the reference, never chosen unless it is asked for."""

# Backend and device -> precision of a graph -> the precisions that it can be run in. The first that is listed is taken
# where no speed was measured: onnxruntime on the CPU, which is small and runs everywhere.
_RUNS: dict[tuple[str, Device], dict[Precision, tuple[Precision, ...]]] = {
    ("onnxruntime", "cpu"): {"fp32": ("fp32",), "fp16": ("fp16",), "fp8": ("fp8",)},
    ("openvino", "cpu"): {"fp32": ("fp32", "bf16"), "int8": ("int8",)},
    ("onnxruntime", "cuda"): {"fp32": ("fp32",), "fp16": ("fp16",)},
    ("onnxruntime-tensorrt", "cuda"): {"fp16": ("fp16",)},
}
# Layouts that are candidates, most wanted last; the others only where a bundle has none of these.
_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "onnxruntime": ("padded", "packed"),
    "openvino": ("packed",),
    "onnxruntime-tensorrt": ("packed",),
}
_EXTRAS = {("onnxruntime", "cuda"): "gpu", ("tensorrt", "cuda"): "gpu", ("onnxruntime-tensorrt", "cuda"): "gpu-trt10"}
# Libraries in ONNX Runtime's own folder that bring it a provider.
_PROVIDERS = {
    "onnxruntime": "capi/libonnxruntime_providers_cuda.so",
    "onnxruntime-tensorrt": "capi/libonnxruntime_providers_tensorrt.so",
}


def candidates(bundle: Bundle) -> list[Candidate]:
    """Everything in a bundle that this version of Nerve can run somewhere, in order of preference without speeds."""
    graphs = [
        Candidate(graph.file, backend, precision, device)
        for (backend, device), runs in _RUNS.items()
        for graph in _graphs(bundle, backend)
        if not graph.made_for or (graph.made_for, "cuda") == (backend, device)
        for precision in runs.get(graph.precision, ())
    ]
    engines = bundle.manifest.engines
    return graphs + [Candidate(engine.file, "tensorrt", engine.precision, "cuda") for engine in engines]


def runnable(bundle: Bundle) -> list[Candidate]:
    """The candidates that this machine can run: the backend is installed, the CPU or GPU is the right one."""
    return [candidate for candidate in candidates(bundle) if _able(bundle, candidate)]


def choose(
    bundle: Bundle,
    *,
    backend: str,
    precision: Wanted,
    device: OnDevice = AUTO,
    file: str = "",
    certified: bool = True,
    start_counts: bool = False,
) -> Candidate:
    """The fastest certified candidate that this machine can run, by the speeds that the bundle holds.

    Args:
        bundle: whose candidates.
        backend: a name in runtime.backends.base.BACKENDS, or "auto".
        precision: to compute in, or "auto".
        device: to run on, or "auto".
        file: one of the bundle's graphs or engines; empty: any.
        certified: leave out candidates without a passing certificate for this CPU and the installed library.
        start_counts: a few texts are tagged, so that a GPU, which takes seconds to start, is taken only where it is
            asked for, or nothing else is there.

    Raises:
        BundleError: the bundle offers no such candidate; the message lists those that it does.
        BackendError: the backend is not installed, there is no GPU, or the CPU does not have the precision.
        UncertifiedError: none of those that are left holds a passing certificate.
    """
    if backend == PYTORCH.backend:
        return _pytorch(precision, device)
    offered = [one for one in candidates(bundle) if _matches(one, backend, precision, device, file)]
    if not offered:
        wanted = " in ".join(name for name in (backend, precision) if name != AUTO)
        wanted += f" on {device}" if device != AUTO else ""
        held = ", ".join(map(str, candidates(bundle))) or "none"
        raise BundleError(str(bundle.path), f"no candidate {file or wanted} (it holds: {held})", "choose one of these")
    able = [one for one in offered if _able(bundle, one)]
    if not able:
        raise BackendError(f"backend {offered[0].backend!r}", *_obstacle(bundle, offered[0]))
    return fastest(bundle, _certified(bundle, able) if certified else able, start_counts=start_counts)


def describe(bundle: Bundle, candidate: Candidate, *, backend: str = AUTO, precision: Wanted = AUTO) -> str:
    """For people: what was taken, how fast it was measured to be, and which faster one's certificate is void here.

    Args:
        bundle, candidate: what was taken.
        backend, precision: what was asked for; what was not is no faster one.
    """
    speeds = {speed.candidate: speed for speed in bundle.manifest.speeds}
    if candidate not in speeds:
        return f"{candidate}, speed not measured"
    measured = speeds[candidate]
    said = f"{candidate}, {measured.tokens_per_second:,.0f} tokens a second when measured on {measured.machine}"
    passed = [each.candidate for each in bundle.manifest.certificates if each.passed]
    asked = [one for one in passed if _matches(one, backend, precision, candidate.device, "")]
    faster = [one for one in asked if bundle.speed(one) > bundle.speed(candidate)]
    refusals = (refusal_of(bundle, one) for one in faster if _able(bundle, one))
    refusal = next((error for error in refusals if error), None)
    return f"{said}; faster, but left out: {refusal}" if refusal else said


def extra_of(candidate: Candidate) -> str:
    """The extra that installs what the candidate needs: nerve-ner[EXTRA]."""
    return _EXTRAS.get((candidate.backend, candidate.device), candidate.backend)


def engine_obstacle(engine: Engine, here: Gpu, tensorrt: str) -> tuple[str, str] | tuple[()]:
    """Why a GPU cannot run an engine, and what to do; empty where it can.

    Args:
        engine: as the manifest holds it.
        here: this machine's GPU.
        tensorrt: version that is installed here.
    """
    same_gpu = (engine.gpu, engine.compute_capability) == (here.name, here.compute_capability)
    # A plan needs exactly the version that it was built with; only the bindings' build number may differ.
    if same_gpu and tensorrt.split(".")[:3] == engine.tensorrt.split(".")[:3]:
        return ()
    has = f"{here.name} ({sm(here.compute_capability)}"
    has += ")" if not same_gpu else f", TensorRT {tensorrt or 'not installed'})"
    return f"engine for {engine.built_for}, this machine has {has}", "run make export TENSORRT=1"


def _graphs(bundle: Bundle, backend: str) -> Sequence[Graph]:
    graphs = bundle.manifest.graphs
    return [graph for graph in graphs if graph.layout in _LAYOUTS[backend]] or graphs


def _matches(candidate: Candidate, backend: str, precision: Wanted, device: OnDevice, file: str) -> bool:
    same_backend, same_precision = backend in (AUTO, candidate.backend), precision in (AUTO, candidate.precision)
    return same_backend and same_precision and device in (AUTO, candidate.device) and file in ("", candidate.file)


def _able(bundle: Bundle, candidate: Candidate) -> bool:
    """Whether this machine can run it. The driver is asked last: to find a GPU takes it longer than all the rest."""
    return not _lack(candidate) and not _obstacle(bundle, candidate)


def _obstacle(bundle: Bundle, candidate: Candidate) -> tuple[str, str] | tuple[()]:
    """Why this machine cannot run it, and what to do; empty where it can. A GPU that is not there is said first."""
    on_gpu = candidate.device == "cuda"
    here = gpu() if on_gpu else None
    if on_gpu and here is None:
        return "this machine has no NVIDIA GPU, or no driver for it", "choose --device cpu, or install the driver"
    if lack := _lack(candidate):
        return lack
    if here and candidate.backend == "tensorrt":
        return engine_obstacle(bundle.engine_in(candidate.file), here, installed_version("tensorrt"))
    return ()


def _lack(candidate: Candidate) -> tuple[str, str] | tuple[()]:
    """A library that is not installed, or a precision that the CPU does not have, and what to do."""
    do = f"pip install 'nerve-ner[{extra_of(candidate)}]'"
    provider = _PROVIDERS.get(candidate.backend)
    if candidate.device == "cuda" and provider:
        if not _has_provider(provider):
            return f"{Path(provider).name} is not installed", do
        # After the provider: to look for TensorRT among the system's libraries takes longer than to open a bundle.
        if candidate.backend == "onnxruntime-tensorrt" and not _has_tensorrt_10():
            return "ONNX Runtime's provider needs TensorRT 10, which is not installed", do
        return ()
    if not installed_version(candidate.backend):
        return f"the library {candidate.backend!r} is not installed", do
    if candidate.precision == "bf16" and not has_bf16():
        return "this CPU does not compute in bf16", "choose another precision"
    return ()


@functools.cache
def _has_tensorrt_10() -> bool:
    """Whether TensorRT 10 is there, as a package or in the system: ONNX Runtime's provider links libnvinfer.so.10."""
    from ctypes.util import find_library  # not at the top: who has no GPU does without

    return installed_version("tensorrt").startswith("10.") or find_library("nvinfer") == "libnvinfer.so.10"


def _has_provider(library: str) -> bool:
    """Whether the installed ONNX Runtime comes with it; the packages for CPU and GPU share one folder."""
    found = find_spec("onnxruntime")
    folders = (found and found.submodule_search_locations) or ()
    return any((Path(folder) / library).is_file() for folder in folders)


def _certified(bundle: Bundle, able: Sequence[Candidate]) -> list[Candidate]:
    """Those with a passing certificate for this CPU and library; the first one's error where there are none."""
    refusals = {candidate: refusal_of(bundle, candidate) for candidate in able}
    passed = [candidate for candidate, refusal in refusals.items() if not refusal]
    for refusal in refusals.values():
        if refusal and not passed:
            raise refusal
    return passed


def refusal_of(bundle: Bundle, candidate: Candidate) -> UncertifiedError | None:
    """Why nothing vouches for the candidate here; None where its certificate does."""
    try:
        certificate = bundle.certificate(candidate)
        certificate.check_cpu(cpu_features())
        certificate.check_version(candidate.backend, installed_version(candidate.backend))
    except UncertifiedError as error:
        return error
    return None


def fastest(bundle: Bundle, able: Sequence[Candidate], *, start_counts: bool) -> Candidate:
    """The fastest of some, at least one; see choose."""
    on_cpu = [one for one in able if one.device == "cpu"]
    # The first of equals is kept: without speeds that is the order of preference.
    return max((start_counts and on_cpu) or able, key=bundle.speed)


def _pytorch(precision: Wanted, device: OnDevice) -> Candidate:
    if device not in (AUTO, PYTORCH.device):
        raise BackendError(
            f"backend {PYTORCH.backend!r}", f"it runs on the CPU, not on {device}", "use another backend"
        )
    if precision not in (AUTO, PYTORCH.precision):
        raise BackendError(f"backend {PYTORCH.backend!r}", f"it runs fp32, not {precision}", "use another backend")
    return PYTORCH
