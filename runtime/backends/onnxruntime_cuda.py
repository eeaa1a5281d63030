"""Backend onnxruntime on a GPU: ONNX Runtime's CUDA provider, and, as a second way, its TensorRT provider.

What can be set is explained at Settings; how batches run is runtime.backends.onnxruntime_sessions' matter.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from runtime.backends.base import BackendOptions, BackendSpec, Obstacle, install, no_gpu
from runtime.backends.onnx_graphs import GraphCandidates, Runs
from runtime.backends.onnxruntime_cpu import DISTRIBUTIONS
from runtime.backends.onnxruntime_sessions import CPU, OnnxRuntimeOnGpu, Provider
from runtime.batch.batches import Packing
from runtime.bundle.store import Bundle, Candidate, Device, Graph, Layout
from runtime.errors import UsageError
from runtime.system.cache import cache_folder

if TYPE_CHECKING:
    from runtime.system.machine import Machine

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
# The shortest packed rows hold nearly all sentences.
_SHORTEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set on a GPU, and why the defaults are what they are.

    Attributes:
        cuda_graph: capture each shape and replay it. A small batch is bound by launching kernels, not by their work.
            A graph that cannot be captured (see runtime.bundle.manifest.Graph) is not.
        tf32: let products in fp32 round their factors to 10 bits. Off: the gate holds fp32 to its logits.
        memory_limit: bytes that ONNX Runtime may take of the GPU's memory; 0: all. It takes what it needs, and not,
            as it would by itself, the next power of two.
        sdpa_kernel: bits that choose the kernel of a fused attention; 0: ONNX Runtime chooses. 1 flash, 2 efficient,
            4 TensorRT's fused, 8 cuDNN's, 16 plain.
        slots: of a batch, most: some thousand keep a GPU's multiprocessors busy, and a chunk of 512 sentences, which
            is what the runtime tags at once, fills one or two such batches. Not measured on a GPU yet.
        streams: batches at once when many texts are tagged; each has a copy of the weights on the GPU.
    """

    cuda_graph: bool = True
    tf32: bool = False
    memory_limit: int = 0
    sdpa_kernel: int = 0
    slots: int = 8192
    streams: int = 2


def settings_of(given: Mapping[str, str]) -> Settings:
    """The settings that are given by name.

    Raises:
        UsageError: there is no such setting, or its value is not a number.
    """
    known = [field.name for field in fields(Settings)]
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"backend setting {name!r}", "unknown", f"choose one of {', '.join(known)}")
        if not value.isdecimal():
            raise UsageError(f"backend setting {name!r}", f"{value!r}", "give a whole number; 1 is yes and 0 is no")
    flags = ("cuda_graph", "tf32")
    said: dict[str, Any] = {name: int(value) > 0 if name in flags else int(value) for name, value in given.items()}
    return Settings(**said)


def settings_for(graph: Graph, given: Mapping[str, str]) -> Settings:
    """The same for a graph, whose batches are captured only where they can be.

    Raises:
        UsageError: as settings_of; or what cannot be is asked for.
    """
    settings = settings_of(given)
    if graph.capturable:
        return settings
    if settings.cuda_graph and "cuda_graph" in given:
        problem = f"{graph.file} cannot be captured"
        raise UsageError("backend setting 'cuda_graph'", problem, "leave it out, or choose another graph")
    return replace(settings, cuda_graph=False)


def cuda_provider(settings: Settings) -> Provider:
    """ONNX Runtime's CUDA provider; its options: https://onnxruntime.ai/docs/execution-providers/."""
    options = {
        "device_id": "0",
        "use_tf32": str(int(settings.tf32)),
        "enable_cuda_graph": str(int(settings.cuda_graph)),
        "arena_extend_strategy": "kSameAsRequested",
        "sdpa_kernel": str(settings.sdpa_kernel),
    }
    if settings.memory_limit:
        options["gpu_mem_limit"] = str(settings.memory_limit)
    return Provider(((CUDA, options), (CPU, {})), "cuda", settings.cuda_graph)


def tensorrt_provider(settings: Settings, packing: Packing, inputs: Sequence[str], cache: str) -> Provider:
    """ONNX Runtime's TensorRT provider; without a flag for a precision it takes the graph's own types, strictly.

    Args:
        settings: as of the CUDA provider, which takes what TensorRT leaves.
        packing: whose shapes the one profile holds: it is tuned for full batches of the shortest rows.
        inputs: names of the graph's.
        cache: folder for engines and timings, which take minutes to make; empty: none is kept.
    """
    shortest, longest = packing.lengths[0], packing.lengths[-1]
    rows = max(1, packing.slots // shortest)
    shapes = {"min": (1, shortest), "opt": (rows, shortest), "max": (rows, longest)}
    options = {f"trt_profile_{name}_shapes": _shapes(inputs, shape) for name, shape in shapes.items()}
    options |= {"device_id": "0", "trt_context_memory_sharing_enable": "1"}
    if cache:
        options |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": cache}
        options |= {"trt_timing_cache_enable": "1", "trt_timing_cache_path": cache}
    plain = cuda_provider(Settings(tf32=settings.tf32, memory_limit=settings.memory_limit, cuda_graph=False))
    # Its own CUDA graphs are for one shape; the sessions here meet several.
    return Provider(((TENSORRT, options), *plain.names), "cuda", captures=False)


def _shapes(inputs: Sequence[str], shape: tuple[int, int]) -> str:
    return ",".join(f"{name}:{shape[0]}x{shape[1]}" for name in inputs)


def packing_on_gpu(layout: Layout, *, slots: int, max_length: int) -> Packing:
    """Rows of 64, 128, 256... up to the longest window. Padded rows end where the model's positions do."""
    lengths = [_SHORTEST]
    while lengths[-1] < max_length:
        lengths.append(2 * lengths[-1])
    if layout == "padded":
        lengths[-1] = min(lengths[-1], max_length)
    rows = max(1, slots // _SHORTEST)
    return Packing(shortest=_SHORTEST, slots=slots, padded_rows=rows, padded_slots=slots, lengths=tuple(lengths))


class _Cuda:
    """See BackendSpec."""

    name = "onnxruntime"
    device: Device = "cuda"
    summary = "ONNX Runtime on an NVIDIA GPU, through its CUDA provider"
    preference = 30
    library = "onnxruntime"
    distributions = DISTRIBUTIONS
    extra = "gpu"
    _runs: ClassVar[Runs] = {"fp32": ("fp32",), "fp16": ("fp16",)}

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec."""
        layouts: tuple[Layout, ...] = ("padded", "packed")
        return GraphCandidates(backend=self.name, device=self.device, runs=self._runs, layouts=layouts).of(bundle)

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec. The driver is asked last: to find a GPU takes it longer than all the rest."""
        return _without_provider(self, "cuda", here) or no_gpu(here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return self.missing(here)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> OnnxRuntimeOnGpu:
        """See BackendSpec.

        Raises:
            UsageError: a backend setting is unknown.
        """
        settings = settings_for(bundle.graph_in(candidate.file), options.settings)
        return _open(bundle, candidate, options, settings, cuda_provider(settings))


class _TensorRt:
    """See BackendSpec."""

    name = "onnxruntime-tensorrt"
    device: Device = "cuda"
    summary = "ONNX Runtime on an NVIDIA GPU, through its TensorRT provider, which needs TensorRT 10"
    preference = 40
    library = "onnxruntime"
    distributions = ("onnxruntime-gpu",)
    extra = "gpu-trt10"
    _runs: ClassVar[Runs] = {"fp16": ("fp16",)}

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec."""
        return GraphCandidates(backend=self.name, device=self.device, runs=self._runs, layouts=("packed",)).of(bundle)

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec. To look for TensorRT in the system takes longer than to open a bundle, so it comes late."""
        if missing := _without_provider(self, "tensorrt", here):
            return missing
        # ONNX Runtime's provider links libnvinfer.so.10, which a package or the system can bring.
        as_package = here.version("tensorrt", ("tensorrt-cu13",)).startswith("10.")
        if not as_package and not here.has_shared_library("nvinfer", "libnvinfer.so.10"):
            return Obstacle("ONNX Runtime's provider needs TensorRT 10, which is not installed", install(self))
        return no_gpu(here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return self.missing(here)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> OnnxRuntimeOnGpu:
        """See BackendSpec. The provider builds its engines when the first batch comes.

        Raises:
            UsageError: a backend setting is unknown.
        """
        with suppress(ImportError):  # it loads the libraries that lie in its package; a system's are found without it
            import_module("tensorrt")
        settings, graph = settings_of(options.settings), bundle.graph_in(candidate.file)
        packing = packing_on_gpu(graph.layout, slots=settings.slots, max_length=bundle.manifest.max_length)
        cache = cache_folder("onnxruntime-tensorrt", bundle.manifest, os.environ)
        return _open(bundle, candidate, options, settings, tensorrt_provider(settings, packing, graph.inputs, cache))


def _without_provider(spec: BackendSpec, provider: str, here: Machine) -> Obstacle | None:
    """The obstacle that the installed ONNX Runtime comes without the provider; the packages share one folder."""
    file = f"capi/libonnxruntime_providers_{provider}.so"
    if here.has_file(spec.library, file):
        return None
    return Obstacle(f"{Path(file).name} is not installed", install(spec))


def _open(
    bundle: Bundle, candidate: Candidate, options: BackendOptions, settings: Settings, provider: Provider
) -> OnnxRuntimeOnGpu:
    graph, manifest = bundle.graph_in(candidate.file), bundle.manifest
    return OnnxRuntimeOnGpu(
        bundle.file(graph.file),
        layout=graph.layout,
        streams=max(1, settings.streams) if options.goal == "throughput" else 1,
        packing=packing_on_gpu(graph.layout, slots=settings.slots, max_length=manifest.max_length),
        provider=provider,
        labels=len(manifest.labels),
        vocabulary=manifest.vocabulary,
        positions=manifest.max_length,
    )


SPECS: tuple[BackendSpec, ...] = (_Cuda(), _TensorRt())
