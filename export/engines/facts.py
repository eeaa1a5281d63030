"""What a builder made of a graph, in numbers: kernels, casts, precision, fused attention, size and memory.

They need no GPU, and tell when a fusion is lost: tests hold them, and docs/gpu.md shows them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.certify.attest.graph import attest_graph, macs_of
from export.certify.attest.tensorrt import attest_engine
from export.certify.attest.tensorrt_layers import Layer, layers_from_build_log
from export.engines.api import PortableBuilding
from export.engines.build_progress import Phases
from export.engines.portable import CAPABILITIES, portable_from_graph
from runtime.bundle.attestation import Attestation
from runtime.bundle.manifest import Profile
from runtime.bundle.store import Graph

# TensorRT's compiler joins the name of a kernel from what it does. These words move, cut or cast numbers.
_WORDS = re.compile(r"[A-Z][a-z]*")
_MOVING = frozenset({"Cast", "Move", "Resh", "Tran", "Slic", "Repl", "Conc"})
_COMPILED = re.compile(r"^__myl_([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An engine in numbers. Those of a run are of its first profile, for one batch.

    Attributes:
        graph, precision, layout: what it was made of.
        capabilities: compute capabilities that it was built for.
        kernels: started in a run.
        casts: changes of type inside these kernels, where they cost next to nothing.
        moves: kernels that only move or cast numbers.
        attention, fused_attention: attentions of the graph, and those that are one kernel.
        shares: of the MACs in each precision, 0 to 1.
        profiles: how many.
        plan_bytes: of the file.
        scratch_bytes: that a run needs on the GPU beside weights, inputs and outputs.
        build_seconds: on the machine that built it; it says little of another.
    """

    graph: str
    precision: str
    layout: str
    capabilities: tuple[str, ...]
    kernels: int
    casts: int
    moves: int
    attention: int
    fused_attention: int
    shares: dict[str, float]
    profiles: int
    plan_bytes: int
    scratch_bytes: int
    build_seconds: float


def built_facts(
    source: Path,
    graph: Graph,
    *,
    profiles: tuple[Profile, ...],
    library: PortableBuilding,
    folder: Path,
    capabilities: Sequence[str] = CAPABILITIES,
    fixed_rows: bool = False,
) -> tuple[EngineFacts, list[Layer]]:
    """Build a portable engine, hold it to its name, and count; and its layers. The plan is removed again.

    Args:
        source: the ONNX file.
        graph: what is said of it.
        profiles: batches that it is to take.
        library: the module tensorrt_rtx.
        folder: for the plan.
        capabilities: of GPUs that it is for.
        fixed_rows: see portable_from_graph; then the layers tell all sizes.

    Raises:
        BackendError: it cannot be built for one of these.
        BundleError: the engine is not what the graph's name says.
    """
    begun, output = time.monotonic(), folder / f"{source.stem}.plan"
    made = portable_from_graph(
        source,
        output,
        graph,
        profiles=profiles,
        library=library,
        phases=Phases(),
        capabilities=capabilities,
        fixed_rows=fixed_rows,
    )
    seconds, size = time.monotonic() - begun, output.stat().st_size
    output.unlink()
    layers = layers_from_build_log(made.layers, output.name)
    attestation, _ = attest_engine(layers, made.engine, attest_graph(source, graph), macs_of(source))
    facts = _counted(graph, attestation, layers, scratch=made.scratch, plan_bytes=size, seconds=seconds)
    return replace(facts, capabilities=tuple(capabilities)), layers


def _counted(
    graph: Graph, attestation: Attestation, layers: Sequence[Layer], *, scratch: int, plan_bytes: int, seconds: float
) -> EngineFacts:
    """What the layers of an engine come to; for which GPUs it was built is not known here."""
    run = kernels_of_a_run(layers)
    return EngineFacts(
        graph=graph.file,
        precision=graph.precision,
        layout=graph.layout,
        capabilities=(),
        kernels=len(run),
        casts=sum(_words(layer).count("Cast") for layer in run),
        moves=sum(bool(_words(layer)) and {*_words(layer)} <= _MOVING for layer in run),
        attention=attestation.attention,
        fused_attention=attestation.fused_attention,
        shares=attestation.shares,
        profiles=1 + max(layer.profile for layer in layers),
        plan_bytes=plan_bytes,
        scratch_bytes=scratch,
        build_seconds=round(seconds, 1),
    )


def kernels_of_a_run(layers: Sequence[Layer], profile: int = 0) -> list[Layer]:
    """The layers that start a kernel when a batch of that profile runs."""
    return [layer for layer in layers if layer.profile == profile and layer.is_kernel]


def _words(layer: Layer) -> list[str]:
    """What a compiled kernel does, in the compiler's abbreviations; none where its name is that of a node."""
    found = _COMPILED.search(layer.name)
    return _WORDS.findall(found[1]) if found else []
