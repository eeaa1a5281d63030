"""The TensorRT engines of a bundle: built from its graphs in lower precision, attested, and recorded.

    python -m export --tensorrt ...      (make export TENSORRT=1)

builds one from the fp16 graph, and from those in int8 and fp8 where these are asked for, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from export.certify.attest.graph import macs_of
from export.certify.attest.tensorrt import attest_engine
from export.certify.attest.tensorrt_layers import Layer, layers_from_build_log, layers_from_inspector
from export.engines.api import Building, PortableBuilding, open_building
from export.engines.build import engine_from_graph
from export.engines.build_progress import Phases
from export.engines.options import TURING, TensorRTOptions, check_tensorrt, missing_library
from export.engines.portable import BACKEND, CAPABILITIES, portable_from_graph
from export.engines.profiles import profiles_for
from export.engines.timing_cache import cache_file
from runtime.bundle.manifest import Engine, Manifest, Profile, sm
from runtime.bundle.store import Bundle, Graph, digest_of
from runtime.errors import BundleError
from runtime.screen.display import note
from runtime.system.gpu import Gpu, gpu

_NO_GRAPH = "TensorRT engines are made of packed graphs in lower precision, and this architecture has none"


def with_engines(bundle: Bundle, tensorrt_options: TensorRTOptions) -> Bundle:
    """The bundle with engines for this machine beside its graphs; its manifest is not written yet.

    Raises:
        BackendError: no GPU, no TensorRT, or it cannot build one.
        BundleError: no graph is for it, or an engine is not what its name says.
    """
    here = gpu()
    check_tensorrt(here, missing=missing_library())
    assert here is not None
    return built(bundle, tensorrt_options, here=here, library=open_building(), phases=Phases, environment=os.environ)


def built(
    bundle: Bundle,
    tensorrt_options: TensorRTOptions,
    *,
    here: Gpu,
    library: Building,
    phases: Callable[[], Phases],
    environment: Mapping[str, str],
) -> Bundle:
    """The same with the GPU, the library, the screen and the environment given."""
    graphs = _packed(bundle.manifest)
    if not graphs:
        raise BundleError(str(bundle.path), _NO_GRAPH, "leave --tensorrt out")
    if not has_fp8(here):
        for graph in [graph for graph in graphs if graph.precision == "fp8"]:
            note(f"no engine of {graph.file}: {here.name} ({sm(here.compute_capability)}) does not multiply in fp8")
            graphs.remove(graph)
    profiles = _profiles(bundle.manifest, tensorrt_options)
    cache = cache_file(here, library.__version__, environment)
    manifest = bundle.manifest
    for graph in graphs:
        source = bundle.file(graph.file)
        made = engine_from_graph(
            source,
            source.with_suffix(".plan"),
            graph,
            profiles=profiles,
            gpu=here,
            library=library,
            cache=cache,
            phases=phases(),
            level=tensorrt_options.level,
            attention=tensorrt_options.attention,
        )
        manifest = _with(manifest, source, graph, made.engine, layers_from_inspector(made.inspected, made.engine.file))
    return replace(bundle, manifest=manifest)


def with_portable(
    bundle: Bundle, tensorrt_options: TensorRTOptions, library: PortableBuilding, phases: Callable[[], Phases]
) -> Bundle:
    """The bundle with a portable engine of its packed graph in fp16; its manifest is not written yet.

    Where one for Turing is asked for, it gets a second one, of the graph that is all in fp16.

    Args:
        bundle: with these graphs, attested.
        tensorrt_options: its batches, and whether it is for Turing, too.
        library: the module tensorrt_rtx.
        phases: shows how far a build is.

    Raises:
        BackendError: TensorRT for RTX cannot build it.
        BundleError: there is no such graph, or the engine is not what its name says.
    """
    manifest = bundle.manifest
    graphs: list[tuple[Graph, Sequence[str]]]
    graphs = [(one, CAPABILITIES) for one in _packed(manifest) if one.precision == "fp16"]
    if not graphs:
        raise BundleError(str(bundle.path), _NO_GRAPH, "do without TensorRT for RTX")
    if tensorrt_options.turing:
        graphs += [(one, (TURING,)) for one in manifest.graphs if one.made_for == BACKEND]
    for graph, capabilities in graphs:
        source = bundle.file(graph.file)
        made = portable_from_graph(
            source,
            source.with_name(f"{source.stem}-rtx.plan"),
            graph,
            profiles=_profiles(manifest, tensorrt_options),
            library=library,
            phases=phases(),
            capabilities=capabilities,
        )
        layers = layers_from_build_log(made.layers, made.engine.file)
        manifest = _with(manifest, source, graph, made.engine, layers)
    return replace(bundle, manifest=manifest)


def _packed(manifest: Manifest) -> list[Graph]:
    """The packed graphs in lower precision that engines are made of: int8's is the one for GPUs."""
    packed = [graph for graph in manifest.graphs if graph.layout == "packed"]
    return [one for one in packed if one.precision != "fp32" and _is_for_tensorrt(one)]


def _is_for_tensorrt(graph: Graph) -> bool:
    return graph.made_for == ("tensorrt" if graph.precision == "int8" else "")


def _profiles(manifest: Manifest, tensorrt_options: TensorRTOptions) -> tuple[Profile, ...]:
    return tensorrt_options.profiles or profiles_for(manifest.max_length, slots=tensorrt_options.slots)


def has_fp8(here: Gpu) -> bool:
    """Whether a GPU multiplies in fp8: NVIDIA's do from compute capability 8.9 on (Ada, Hopper)."""
    return tuple(map(int, here.compute_capability.split("."))) >= (8, 9)


def _with(manifest: Manifest, source: Path, graph: Graph, engine: Engine, layers: Sequence[Layer]) -> Manifest:
    """The manifest with one engine more, attested against the graph that it was made of."""
    of_graph = next(each for each in manifest.attestations if (each.file, each.backend) == (graph.file, ""))
    attestation, counted = attest_engine(layers, engine, of_graph, macs_of(source))
    return replace(
        manifest,
        files={**manifest.files, engine.file: digest_of(source.with_name(engine.file))},
        engines=(*manifest.engines, counted),
        attestations=(*manifest.attestations, attestation),
    )
