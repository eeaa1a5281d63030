"""Graph -> one engine of TensorRT for RTX for many GPUs, built on any machine: no GPU is needed.

Kernels are compiled on the GPU that runs it, when a batch of a new shape comes (runtime.backends.tensorrt.portable).
So a profile holds a range of rows, and nothing is timed here. The build's log lists the final layers, by which the
engine is attested without a GPU. Whether it answers rightly, only a machine with such a GPU can certify.
Source: the documentation of TensorRT for RTX 1.7, "CPU-only ahead-of-time engine builds" and "Runtime cache".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from export.engines.api import PortableBuilding, PortableConfig
from export.engines.build import add_profiles, finished, new_builder
from export.engines.build_log import BuildLog
from export.engines.build_progress import Phases, monitor
from export.engines.network import parse
from export.engines.profiles import ranges_of
from runtime.bundle.manifest import Engine, Profile
from runtime.bundle.store import Graph
from runtime.errors import BackendError
from runtime.system.files import sha256_of_file, write_atomically

BACKEND = "tensorrt-rtx"
CAPABILITIES = ("8.0", "8.6", "8.9", "12.0", "12.1")
"""Compute capabilities of the GPUs that a portable engine is for: Ampere, Ada and Blackwell, without data-center Hopper
and Blackwell (9.0, 10.0), which the library refuses. 7.5, Turing, needs a graph all in fp16, and so an engine of its
own: with_portable of export.engines.bundle_engines builds it."""


@dataclass(frozen=True, slots=True)
class Portable:
    """A portable engine and how it came about.

    Attributes:
        engine: what the manifest says of it (`layers` is still empty).
        layers: the message of the build's log that lists its final layers.
        scratch: bytes that it needs on the GPU while it runs, of the largest profile.
    """

    engine: Engine
    layers: str
    scratch: int


def portable_from_graph(
    source: Path,
    output: Path,
    graph: Graph,
    *,
    profiles: tuple[Profile, ...],
    library: PortableBuilding,
    phases: Phases,
    capabilities: Sequence[str] = CAPABILITIES,
    fixed_rows: bool = False,
) -> Portable:
    """Build and write a portable engine. It takes seconds.

    Args:
        source: the ONNX file.
        output: the plan to write.
        graph: what the manifest says of the source.
        profiles: batches that it is to take.
        library: the module tensorrt_rtx.
        phases: is told how far it is.
        capabilities: compute capabilities of the GPUs that it is for.
        fixed_rows: a profile for each batch, and not one for each length: larger, and all sizes are known beforehand.

    Raises:
        BackendError: TensorRT cannot read the graph, or cannot build it for one of these.
        StorageError: no permission, or no space.
    """
    log = BuildLog(library)
    builder = new_builder(library, log)
    network = builder.create_network(0)
    parser = parse(library, network, log, source, "pattern")
    config = _config(library, cast(PortableConfig, builder.create_builder_config()), capabilities)
    ranges = [(profile, profile) for profile in profiles] if fixed_rows else ranges_of(profiles)
    add_profiles(builder, config, graph.inputs, ranges, log)
    config.progress_monitor = shown = monitor(library, phases)
    plan = builder.build_serialized_network(network, config)
    del parser, shown  # TensorRT holds on to these without owning them
    write_atomically(output, finished(plan, source, log, phases))
    return Portable(_record(output, source, graph, profiles, library, capabilities), log.layers, log.scratch)


def _config(library: PortableBuilding, config: PortableConfig, capabilities: Sequence[str]) -> PortableConfig:
    config.profiling_verbosity = library.ProfilingVerbosity.DETAILED  # or the log lists no types
    config.clear_flag(library.BuilderFlag.TF32)  # see export.engines.build
    # Without it, TensorRT may ask for memory in the middle of a run, which a CUDA graph cannot record.
    config.set_flag(library.BuilderFlag.REQUIRE_USER_ALLOCATION)
    config.num_compute_capabilities = len(capabilities)
    for index, capability in enumerate(capabilities):
        member = getattr(library.ComputeCapability, f"SM{capability.replace('.', '')}", None)
        if member is None or not config.set_compute_capability(member, index):
            problem = f"it does not build for compute capability {capability}"
            raise BackendError(f"backend {BACKEND!r}", problem, f"choose among {', '.join(CAPABILITIES)}")
    return config


def _record(
    output: Path,
    source: Path,
    graph: Graph,
    profiles: tuple[Profile, ...],
    library: PortableBuilding,
    capabilities: Sequence[str],
) -> Engine:
    return Engine(
        file=output.name,
        graph=source.name,
        graph_sha256=sha256_of_file(source),
        precision=graph.precision,
        layout=graph.layout,
        inputs=graph.inputs,
        gpu="",
        compute_capability=", ".join(capabilities),
        tensorrt=library.__version__,
        driver="",
        profiles=profiles,
        layers={},
        backend=BACKEND,
    )
