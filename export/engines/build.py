"""Graph -> TensorRT engine: a plan for this machine's GPU and this TensorRT, made of the graph as it is typed.

TensorRT 11 knows strongly typed networks alone: an fp16 engine is what an fp16 graph becomes, an int8 or fp8 engine
what a graph with QuantizeLinear and DequantizeLinear becomes. Kernels are tuned for the shapes of the profiles, so each
profile holds one shape: a row length and a number of rows. One change is made on the way, see export.engines.attention.
What an engine computes in, export.certify.attest.tensorrt holds it to; whether it answers rightly, export.certify.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.engines.api import Builder, BuilderConfig, Building
from export.engines.build_log import BuildLog
from export.engines.build_progress import Phases, monitor
from export.engines.network import parse
from export.engines.options import LEVEL, Attention
from export.engines.timing_cache import give_times, keep_times
from runtime.backends.tensorrt.api import Plan, accepted
from runtime.bundle.manifest import Engine, Profile
from runtime.bundle.store import Graph
from runtime.system.files import sha256_of_file, write_atomically
from runtime.system.gpu import Gpu

# Memory on the GPU that kernels may take while they are tried and run.
WORKSPACE = 4 << 30
_SUBJECT = "backend 'tensorrt'"


@dataclass(frozen=True, slots=True)
class Built:
    """An engine: what the manifest says of it (`layers` is still empty), and what TensorRT says of its layers, JSON."""

    engine: Engine
    inspected: str


def engine_from_graph(
    source: Path,
    output: Path,
    graph: Graph,
    *,
    profiles: tuple[Profile, ...],
    gpu: Gpu,
    library: Building,
    cache: Path,
    phases: Phases,
    level: int = LEVEL,
    workspace: int = WORKSPACE,
    attention: Attention = "pattern",
) -> Built:
    """Build and write an engine. It takes minutes, and less with what the cache holds.

    Args:
        source: the ONNX file.
        output: the plan to write.
        graph: what the manifest says of the source.
        profiles: batches that it is to take.
        gpu: this machine's.
        library: the module tensorrt.
        cache: a file of how long kernels took; read where it is there, written anew.
        phases: is told how far it is.
        level: how hard TensorRT tries, 0 to 5.
        workspace: bytes on the GPU that kernels may take.
        attention: how TensorRT is shown attention, see export.engines.attention.

    Raises:
        BackendError: TensorRT cannot read the graph, or cannot build it here.
        StorageError: no permission, or no space.
    """
    log = BuildLog(library)
    builder = new_builder(library, log)
    config = _config(library, builder, level=level, workspace=workspace)
    add_profiles(builder, config, graph.inputs, [(profile, profile) for profile in profiles], log)
    plan = _built(library, builder, config, source, cache, log, phases, attention)
    write_atomically(output, plan)
    return Built(_record(output, source, graph, profiles, gpu, library), _inspected(library, log, plan, graph.inputs))


def new_builder(library: Building, log: BuildLog) -> Builder:
    """TensorRT's builder.

    Raises:
        BackendError: TensorRT cannot begin.
    """
    try:
        return library.Builder(log.logger)
    except TypeError as error:  # what its bindings raise where the library makes nothing
        raise log.failure(_SUBJECT, "TensorRT cannot begin") from error


def add_profiles(
    builder: Builder,
    config: BuilderConfig,
    inputs: tuple[str, ...],
    ranges: list[tuple[Profile, Profile]],
    log: BuildLog,
) -> None:
    """Tell TensorRT for which batches to build: a profile for each smallest and largest one; kernels suit the largest.

    Raises:
        BackendError: TensorRT refuses one.
    """
    for least, most in ranges:
        made, small, large = builder.create_optimization_profile(), _shape(least), _shape(most)
        taken = [accepted(made.set_shape, name, small, large, large) for name in inputs]
        if not all(taken) or config.add_optimization_profile(made) < 0:
            raise log.failure(_SUBJECT, f"it refuses batches of {most.rows} x {most.length}")


def _built(
    library: Building,
    builder: Builder,
    config: BuilderConfig,
    source: Path,
    cache: Path,
    log: BuildLog,
    phases: Phases,
    attention: Attention,
) -> bytes:
    """The plan; what was timed is kept when the build failed or was ended, too."""
    network = builder.create_network(0)
    # TensorRT holds on to these three without owning them.
    parser = parse(library, network, log, source, attention)
    times = give_times(config, cache, log)
    config.progress_monitor = shown = monitor(library, phases)
    plan = builder.build_serialized_network(network, config)
    keep_times(config, cache)
    del parser, times, shown
    return finished(plan, source, log, phases)


def finished(plan: bytes | None, source: Path, log: BuildLog, phases: Phases) -> bytes:
    """The plan, if the build was neither stopped by the user nor refused by TensorRT.

    Raises:
        KeyboardInterrupt: the user has asked to stop.
        BackendError: TensorRT cannot build it.
    """
    phases.clear()
    if phases.stopped:
        raise KeyboardInterrupt
    if plan is None:
        raise log.failure(str(source), "TensorRT cannot build an engine of it")
    return bytes(plan)


def _config(library: Building, builder: Builder, *, level: int, workspace: int) -> BuilderConfig:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, workspace)
    config.builder_optimization_level = level
    config.profiling_verbosity = library.ProfilingVerbosity.DETAILED  # or attestation learns no types
    # TF32 has fp16's digits: no engine may compute in it what its graph keeps in fp32.
    config.clear_flag(library.BuilderFlag.TF32)
    return config


def _shape(profile: Profile) -> tuple[int, int]:
    return profile.rows, profile.length


def _record(
    output: Path, source: Path, graph: Graph, profiles: tuple[Profile, ...], gpu: Gpu, library: Building
) -> Engine:
    return Engine(
        file=output.name,
        graph=source.name,
        graph_sha256=sha256_of_file(source),
        precision=graph.precision,
        layout=graph.layout,
        inputs=graph.inputs,
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        tensorrt=library.__version__,
        driver=gpu.driver,
        profiles=profiles,
        layers={},
    )


def _inspected(library: Building, log: BuildLog, plan: bytes, inputs: tuple[str, ...]) -> str:
    """What TensorRT says of the layers of a plan. Types are sure to be told only with a context and shapes."""
    engine = library.Runtime(log.logger).deserialize_cuda_engine(plan)
    if engine is None:
        raise log.failure(_SUBJECT, "it cannot read what it built")
    inspector = engine.create_engine_inspector()
    context = engine.create_execution_context(library.ExecutionContextAllocationStrategy.USER_MANAGED)
    if context is None:
        raise log.failure(_SUBJECT, "it cannot make a context of what it built")
    for name in inputs:
        shape = tuple(_largest(engine, name))
        if not accepted(context.set_input_shape, name, shape):
            raise log.failure(_SUBJECT, f"it refuses a batch of {shape} that it was built for")
    inspector.execution_context = context
    return inspector.get_engine_information(library.LayerInformationFormat.JSON)


def _largest(engine: Plan, name: str) -> list[int]:
    """The largest shape of an input in the first profile, which a new context begins in."""
    return [int(size) for size in engine.get_tensor_profile_shape(name, 0)[2]]
