"""Backends onnxruntime and onnxruntime-tensorrt on a GPU: ONNX Runtime's CUDA provider and its TensorRT provider.

The class Settings explains what a user can set. runtime.backends.onnxruntime_sessions runs the batches; this module
does not know how.
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
from runtime.backends.onnxruntime_sessions import CPU, OnnxRuntimeOnGpu
from runtime.backends.onnxruntime_streams import Provider
from runtime.batch.batches import Packing
from runtime.bundle.store import Bundle, Candidate, Device, Graph, Layout
from runtime.errors import UsageError
from runtime.system.cache import cache_folder

if TYPE_CHECKING:
    from runtime.system.machine import Machine

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
# Nearly all sentences fit into a row of this length, and attention costs more the longer a row is.
_SHORTEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a GPU, with the reasons for their defaults.

    Attributes:
        cuda_graph: capture the work for each shape of batch as a CUDA graph, and replay it. Without it, launching the
            kernels of a small batch takes longer than their work. Not used for a graph that cannot be captured (see
            runtime.bundle.manifest.Graph).
        tf32: round the factors of fp32 multiplications to 10 bits. Off, because the gate allows fp32 no changed label.
        memory_limit: bytes of the GPU's memory that ONNX Runtime may take; 0: all. It takes as much as it needs; its
            own default is the next power of two.
        sdpa_kernel: bits that choose the kernel of a fused attention: 1 flash, 2 efficient, 4 TensorRT's fused,
            8 cuDNN's, 16 plain; 0: ONNX Runtime chooses.
        slots: largest number of token slots of a batch. A GPU needs some thousand to be busy.
        streams: number of batches that run at the same time for throughput. Each stream has its own copy of the
            weights on the GPU. On an H100 with 16 CPU cores, which bounded a MiniLM, no other number of slots (to
            32,768) or streams (1 to 3) was shown to be faster; see docs/gpu.md.
        warm: capture all shapes of batches on each stream when it is opened. Off, because a run over a few texts would
            wait for shapes that it never meets; a server wants it, for otherwise it is the first texts that wait.
    """

    cuda_graph: bool = True
    tf32: bool = False
    memory_limit: int = 0
    sdpa_kernel: int = 0
    slots: int = 8192
    streams: int = 2
    warm: bool = False


def settings_of(given: Mapping[str, str]) -> Settings:
    """The Settings with the values that are given by name.

    Args:
        given: name of a setting -> its value as text, a whole number.

    Raises:
        UsageError: a name is unknown, or a value is not a whole number.
    """
    known = [field.name for field in fields(Settings)]
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"backend setting {name!r}", "unknown", f"choose one of {', '.join(known)}")
        if not value.isdecimal():
            raise UsageError(f"backend setting {name!r}", f"{value!r}", "give a whole number; 1 is yes and 0 is no")
    flags = ("cuda_graph", "tf32", "warm")
    said: dict[str, Any] = {name: int(value) > 0 if name in flags else int(value) for name, value in given.items()}
    return Settings(**said)


def settings_for(graph: Graph, given: Mapping[str, str]) -> Settings:
    """The same for one graph: without cuda_graph where the graph cannot be captured.

    Raises:
        UsageError: as settings_of; or cuda_graph is asked for, and the graph cannot be captured.
    """
    settings = settings_of(given)
    if graph.capturable:
        return settings
    # The default gives way silently; what the user asked for by name does not.
    if settings.cuda_graph and "cuda_graph" in given:
        problem = f"{graph.file} cannot be captured"
        raise UsageError("backend setting 'cuda_graph'", problem, "leave it out, or choose another graph")
    return replace(settings, cuda_graph=False)


def cuda_provider(settings: Settings) -> Provider:
    """ONNX Runtime's CUDA provider. Its options are those of https://onnxruntime.ai/docs/execution-providers/."""
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
    """ONNX Runtime's TensorRT provider. Without an option for a precision it keeps the graph's own types.

    Args:
        settings: settings of the CUDA provider, which runs the operators that TensorRT does not take.
        packing: sizes of the batches. The one optimization profile holds all of them, and is tuned for full batches of
            the shortest rows.
        inputs: names of the graph's inputs.
        cache: folder for TensorRT engines and timings, which take minutes to make; empty: they are not kept.
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
    # The provider's CUDA graphs are for a single shape of batch, and there are several.
    return Provider(((TENSORRT, options), *plain.names), "cuda", captures=False)


def _shapes(inputs: Sequence[str], shape: tuple[int, int]) -> str:
    return ",".join(f"{name}:{shape[0]}x{shape[1]}" for name in inputs)


def packing_on_gpu(layout: Layout, *, slots: int, max_length: int) -> Packing:
    """The Packing for a GPU: rows of 64, 128, 256... up to the longest window.

    Args:
        layout: layout of the rows.
        slots: largest number of token slots of a batch.
        max_length: most tokens of a window, special tokens included.
    """
    lengths = [_SHORTEST]
    while lengths[-1] < max_length:
        lengths.append(2 * lengths[-1])
    if layout == "padded":
        # A padded row counts positions to its end, and the model's table may have no more than max_length of them.
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
    row_lengths: tuple[tuple[int, ...], ...] = ()
    _runs: ClassVar[Runs] = {"fp32": ("fp32",), "fp16": ("fp16",)}

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec."""
        layouts: tuple[Layout, ...] = ("padded", "packed")
        found = GraphCandidates(backend=self.name, device=self.device, runs=self._runs, layouts=layouts).of(bundle)
        return sorted(found, key=lambda one: _rank(bundle.graph_in(one.file)))

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        # The driver is asked last: finding a GPU takes longer than everything else here.
        return _without_provider(self, "cuda", here) or no_gpu(here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return self.missing(here)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> OnnxRuntimeOnGpu:
        """See BackendSpec.

        Raises:
            UsageError: a setting is unknown, or cannot be used with the graph.
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
    row_lengths: tuple[tuple[int, ...], ...] = ()
    _runs: ClassVar[Runs] = {"fp16": ("fp16",)}

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec."""
        return GraphCandidates(backend=self.name, device=self.device, runs=self._runs, layouts=("packed",)).of(bundle)

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        # Looking for TensorRT in the system takes longer than opening a bundle, so it comes after the provider's file.
        if missing := _without_provider(self, "tensorrt", here):
            return missing
        # The provider is linked with libnvinfer.so.10, which comes with a Python package or with the system.
        as_package = here.version("tensorrt", ("tensorrt-cu13",)).startswith("10.")
        if not as_package and not here.has_shared_library("nvinfer", "libnvinfer.so.10"):
            return Obstacle("ONNX Runtime's provider needs TensorRT 10, which is not installed", install(self))
        return no_gpu(here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return self.missing(here)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> OnnxRuntimeOnGpu:
        """See BackendSpec. The provider builds its TensorRT engines when the first batch comes.

        Raises:
            UsageError: a setting is unknown.
        """
        with suppress(ImportError):  # the import loads the package's libraries; the system's are found without it
            import_module("tensorrt")
        settings, graph = settings_of(options.settings), bundle.graph_in(candidate.file)
        packing = packing_on_gpu(graph.layout, slots=settings.slots, max_length=bundle.manifest.max_length)
        cache = cache_folder("onnxruntime-tensorrt", bundle.manifest, os.environ)
        return _open(bundle, candidate, options, settings, tensorrt_provider(settings, packing, graph.inputs, cache))


def _rank(graph: Graph) -> tuple[bool, bool, bool]:
    """The place of a graph where no speed was measured in the bundle: lower is sooner.

    fp16 before fp32, and first the graphs made for ONNX Runtime, packed before padded. On an H100 bert-large took them
    in this order of speed; see "Which graph goes first" in docs/gpu.md.
    """
    return graph.precision != "fp16", not graph.made_for, graph.layout != "packed"


def _without_provider(spec: BackendSpec, provider: str, here: Machine) -> Obstacle | None:
    """An Obstacle where the installed ONNX Runtime lacks the provider; None where it has it."""
    # The provider's file tells it. The versions do not: both packages of ONNX Runtime fill one folder.
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
        streams=options.calls_on_gpu(max(1, settings.streams)),
        packing=packing_on_gpu(graph.layout, slots=settings.slots, max_length=manifest.max_length),
        provider=provider,
        labels=len(manifest.labels),
        vocabulary=manifest.vocabulary,
        positions=manifest.max_length,
        warm=settings.warm,
    )


SPECS: tuple[BackendSpec, ...] = (_Cuda(), _TensorRt())
