"""The part of TensorRT's Python interface that building an engine needs, as types; see runtime.backends.tensorrt.api.

TensorRT for RTX (the module tensorrt_rtx) has the interface of TensorRT 11, and builds without a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

from runtime.backends.tensorrt.api import Member, Runtime, load


class OptimizationProfile(Protocol):
    """tensorrt.IOptimizationProfile."""

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None: ...


class TimingCache(Protocol):
    """tensorrt.ITimingCache: how long each kernel took, so that a later build need not time it again."""

    def serialize(self) -> bytes | None: ...


class Network(Protocol):
    """tensorrt.INetworkDefinition."""

    @property
    def num_inputs(self) -> int: ...


class ParserError(Protocol):
    """tensorrt.ParserError."""

    def desc(self) -> str: ...
    def node_name(self) -> str: ...


class OnnxParser(Protocol):
    """tensorrt.OnnxParser."""

    @property
    def num_errors(self) -> int: ...
    def get_error(self, index: int) -> ParserError: ...
    def parse(self, model: bytes, path: str) -> bool: ...


class BuilderConfig(Protocol):
    """tensorrt.IBuilderConfig."""

    builder_optimization_level: int
    profiling_verbosity: Member
    progress_monitor: Any

    def set_memory_pool_limit(self, pool: Member, pool_size: int) -> None: ...
    def clear_flag(self, flag: Member) -> None: ...
    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache | None: ...
    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool: ...
    def get_timing_cache(self) -> TimingCache | None: ...
    def add_optimization_profile(self, profile: OptimizationProfile) -> int: ...


class Builder(Protocol):
    """tensorrt.Builder. What it builds and the cache are buffers, given back as bytes here."""

    def create_network(self, flags: int) -> Network: ...
    def create_builder_config(self) -> BuilderConfig: ...
    def create_optimization_profile(self) -> OptimizationProfile: ...
    def build_serialized_network(self, network: Network, config: BuilderConfig) -> bytes | None: ...


class PortableConfig(BuilderConfig, Protocol):
    """tensorrt_rtx.IBuilderConfig: a plan can be for several compute capabilities, none of which need be here."""

    num_compute_capabilities: int

    def set_compute_capability(self, compute_capability: Member, target: int) -> bool: ...
    def set_flag(self, flag: Member) -> None: ...


class Building(Runtime, Protocol):
    """The module tensorrt, as far as building an engine needs it."""

    # A base class for ours, and enumerations.
    IProgressMonitor: Any
    MemoryPoolType: Any
    ProfilingVerbosity: Any
    BuilderFlag: Any

    def Builder(self, logger: Any) -> Builder: ...  # noqa: N802, TensorRT's name
    def OnnxParser(self, network: Network, logger: Any) -> OnnxParser: ...  # noqa: N802, TensorRT's name


class PortableBuilding(Building, Protocol):
    """The module tensorrt_rtx, as far as building a portable engine needs it."""

    ComputeCapability: Any


def open_building() -> Building:
    """The module tensorrt; it raises what runtime.backends.tensorrt.api.load does."""
    return cast(Building, load("tensorrt"))


def open_portable_building() -> PortableBuilding:
    """The module tensorrt_rtx; it raises what runtime.backends.tensorrt.api.load does."""
    return cast(PortableBuilding, load("tensorrt_rtx", extra="tensorrt-rtx"))
