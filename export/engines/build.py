"""Graph -> TensorRT engine: a plan for this machine's GPU and this TensorRT, made of the graph as it is typed.

TensorRT 11 knows strongly typed networks alone: an fp16 engine is what an fp16 graph becomes, an int8
or fp8 engine what a graph with QuantizeLinear and DequantizeLinear becomes. Kernels are tuned for the shapes of the
profiles, so each profile holds one shape: a row length and a number of rows. One change is made on the way, see
export.engines.attention.
What an engine computes in, export.certify.attest.tensorrt holds it to; whether it answers rightly, export.certify.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import onnx

from export.engines.api import Builder, BuilderConfig, Building, Network, OnnxParser, TimingCache
from export.engines.attention import prepared
from export.engines.build_progress import Phases, monitor
from export.engines.options import LEVEL, SLOTS, Attention
from runtime.backends.tensorrt_api import new_logger, why
from runtime.bundle.manifest import Engine, Profile
from runtime.bundle.store import Graph
from runtime.errors import BackendError, StorageError
from runtime.system.files import sha256_of_file, write_atomically
from runtime.system.gpu import Gpu

SHORTEST = 64
# Memory on the GPU that kernels may take while they are tried and run.
WORKSPACE = 4 << 30
_MORE = "give it a GPU with more free memory, or smaller batches (python -m export --tensorrt-slots N)"


@dataclass(frozen=True, slots=True)
class Built:
    """An engine: what the manifest says of it (`layers` is still empty), and what TensorRT says of its layers, JSON."""

    engine: Engine
    inspected: str


def profiles_for(max_length: int, *, slots: int = SLOTS) -> tuple[Profile, ...]:
    """Shapes that an engine is built for: every length of packed rows, each with a few numbers of rows.

    Args:
        max_length: most tokens of a window.
        slots: of the largest batches.
    """
    lengths = [SHORTEST]
    while lengths[-1] < max_length:
        lengths.append(2 * lengths[-1])
    return tuple(Profile(rows, length) for length in lengths for rows in _rows(max(1, slots // length)))


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
        GPU: this machine's.
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
    said: list[str] = []
    logger = new_logger(library, said)
    builder = _builder(library, logger, said)
    network = builder.create_network(0)
    parser = _parse(library, network, logger, source, attention)
    config, times = _config(library, builder, cache, precision=graph.precision, level=level, workspace=workspace)
    for profile in profiles:
        _add_profile(builder, config, profile, graph.inputs, said)
    config.progress_monitor = shown = monitor(library, phases)
    plan = builder.build_serialized_network(network, config)
    _keep(config, cache)  # what was timed is worth keeping when the build failed or was ended, too
    # TensorRT holds on to these without owning them: weights lie in the parser.
    del parser, times, shown
    phases.clear()
    if phases.stopped:
        raise KeyboardInterrupt
    if plan is None:
        raise BackendError(str(source), f"TensorRT cannot build an engine of it ({why(said)})", _MORE)
    written = bytes(plan)
    write_atomically(output, written)
    return Built(_record(output, source, graph, profiles, gpu, library), _inspected(library, logger, written, said))


def cache_file(gpu: Gpu, version: str, environment: Mapping[str, str]) -> Path:
    """Where kernel times are kept: in $NERVE_CACHE, or else in nerve/ in $XDG_CACHE_HOME or ~/.cache. Delete at will.

    Args:
        GPU: times are this GPU's alone.
        version: and this TensorRT's alone.
        environment: variables.
    """
    home = environment.get("XDG_CACHE_HOME") or "~/.cache"
    root = Path(environment.get("NERVE_CACHE") or Path(home) / "nerve").expanduser()
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{gpu.name}-{version}")
    return root / "tensorrt" / f"{name}.timing"


def _rows(most: int) -> list[int]:
    """Numbers of rows: the most, a quarter of it, a quarter of that... and 1, for a text that comes alone."""
    rows = []
    while most >= 4:
        rows.append(most)
        most //= 4
    return [*rows, 1]


def _builder(library: Building, logger: object, said: list[str]) -> Builder:
    try:
        return library.Builder(logger)
    except TypeError as error:  # what its bindings raise where the library makes nothing
        problem = f"TensorRT cannot begin ({why(said)})"
        raise BackendError("backend 'tensorrt'", problem, "check the GPU and its driver with nvidia-smi") from error


def _parse(library: Building, network: Network, logger: object, source: Path, attention: Attention) -> OnnxParser:
    # Weights in another file stay there: the parser finds them by the path.
    model = prepared(onnx.load(source, load_external_data=False), attention)
    parser = library.OnnxParser(network, logger)
    if parser.parse(model.SerializeToString(), str(source)):
        return parser
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    told = "; ".join(f"{error.node_name()}: {error.desc()}" for error in errors)[:400] or "it does not say why"
    raise BackendError(str(source), f"TensorRT cannot read it ({told})", "export it again with another TensorRT")


def _config(
    library: Building, builder: Builder, cache: Path, *, precision: str, level: int, workspace: int
) -> tuple[BuilderConfig, TimingCache | None]:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, workspace)
    config.builder_optimization_level = level
    config.profiling_verbosity = library.ProfilingVerbosity.DETAILED  # or attestation learns no types
    if precision != "int8":
        # TF32 has fp16's digits: no fp32 engine may compute in it, nor what an fp16 graph keeps in fp32.
        config.clear_flag(library.BuilderFlag.TF32)
    kept = cache.read_bytes() if cache.is_file() else b""
    times = config.create_timing_cache(kept)
    if times is None or not config.set_timing_cache(times, False):
        times = config.create_timing_cache(b"")  # those are damaged, or of another TensorRT or GPU: begin anew
        if times is not None:
            config.set_timing_cache(times, False)
    return config, times


def _add_profile(
    builder: Builder, config: BuilderConfig, profile: Profile, inputs: tuple[str, ...], said: list[str]
) -> None:
    shape = (profile.rows, profile.length)
    made = builder.create_optimization_profile()
    for name in inputs:
        made.set_shape(name, shape, shape, shape)
    if config.add_optimization_profile(made) < 0:
        problem = f"it refuses batches of {profile.rows} x {profile.length} ({why(said)})"
        raise BackendError("backend 'tensorrt'", problem, "report it")


def _keep(config: BuilderConfig, cache: Path) -> None:
    """Write the times for the next build; without a place for them that is slower, and nothing else."""
    times = config.get_timing_cache()
    held = None if times is None else times.serialize()
    if held is None:
        return
    with suppress(OSError, StorageError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache, bytes(held))


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


def _inspected(library: Building, logger: object, plan: bytes, said: list[str]) -> str:
    """What TensorRT says of the layers of a plan."""
    engine = library.Runtime(logger).deserialize_cuda_engine(plan)
    if engine is None:
        raise BackendError("backend 'tensorrt'", f"it cannot read what it built ({why(said)})", _MORE)
    return engine.create_engine_inspector().get_engine_information(library.LayerInformationFormat.JSON)
