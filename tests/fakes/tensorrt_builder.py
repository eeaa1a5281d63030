"""TensorRT without TensorRT, for building: what is asked of it is kept, and the plan is tests.fakes.tensorrt's.

Checked against the real builder (TensorRT for RTX 1.7, tests/export/engines/test_portable.py), which has the interface
of TensorRT 11 and needs no GPU: set_shape of a profile raises RuntimeError for shapes that cannot be; a timing cache
that does not fit comes back empty, with errors in the log, and is not None; parse gives back False; a build that
fails gives back None; set_compute_capability gives back False. Not checked, for want of a GPU: set_timing_cache with
real times.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import onnx

from tests.fakes.cuda import FakeCuda
from tests.fakes.tensorrt import Compute, FakeTrt, Severity, plan_of


class IProgressMonitor:
    def phase_start(self, phase_name: str, parent_phase: str, num_steps: int) -> None: ...
    def step_complete(self, phase_name: str, step: int) -> bool:
        return True

    def phase_finish(self, phase_name: str) -> None: ...


class MemoryPoolType(enum.Enum):
    WORKSPACE = 0


class ProfilingVerbosity(enum.Enum):
    LAYER_NAMES_ONLY, DETAILED = range(2)


class BuilderFlag(enum.Enum):
    TF32 = 0


class FakeBuilding(FakeTrt):
    """The module tensorrt with all that building an engine needs; `configs` are those of every build."""

    IProgressMonitor = IProgressMonitor
    MemoryPoolType = MemoryPoolType
    ProfilingVerbosity = ProfilingVerbosity
    BuilderFlag = BuilderFlag

    def __init__(self, cuda: FakeCuda, compute: Compute, *, fails: str = "") -> None:
        super().__init__(cuda, compute, fails=fails)
        self.configs: list[FakeConfig] = []

    def Builder(self, logger: Any) -> FakeBuilder:  # noqa: N802, TensorRT's name
        if self.fails == "builder":
            logger.log(Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return FakeBuilder(self, logger)

    def OnnxParser(self, network: Any, logger: Any) -> FakeParser:  # noqa: N802, TensorRT's name
        return FakeParser(self, network)


class FakeNetwork:
    num_inputs = 3

    def __init__(self) -> None:
        self.model = onnx.ModelProto()


class FakeParserError:
    def desc(self) -> str:
        return "no importer for operator Wrong"

    def node_name(self) -> str:
        return "/wrong"


class FakeParser:
    def __init__(self, library: FakeBuilding, network: FakeNetwork) -> None:
        self._library, self._network = library, network

    @property
    def num_errors(self) -> int:
        return 1 if self._library.fails == "parse" else 0

    def get_error(self, index: int) -> FakeParserError:
        return FakeParserError()

    def parse(self, model: bytes, path: str) -> bool:
        self._network.model.ParseFromString(model)
        self._library.parsed.append((self._network.model, path))
        return self._library.fails != "parse"


class FakeProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[Sequence[int], Sequence[int], Sequence[int]]] = {}

    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None:
        if any(size < 0 for size in min):
            raise RuntimeError("Shape provided for min is inconsistent with other shapes.")
        self.shapes[input] = (min, opt, max)


class FakeCache:
    def __init__(self, held: bytes) -> None:
        self.held = held

    def serialize(self) -> bytes:
        return self.held + b"+times"


class FakeConfig:
    def __init__(self, library: FakeBuilding, logger: Any) -> None:
        self._library, self._logger = library, logger
        self.builder_optimization_level = 3
        self.profiling_verbosity: Any = ProfilingVerbosity.LAYER_NAMES_ONLY
        self.progress_monitor: Any = None
        self.pools: dict[Any, int] = {}
        self.cleared: list[Any] = []
        self.cache: FakeCache | None = None
        self.profiles: list[FakeProfile] = []

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self.pools[pool] = pool_size

    def clear_flag(self, flag: Any) -> None:
        self.cleared.append(flag)

    def create_timing_cache(self, serialized_timing_cache: bytes) -> FakeCache | None:
        if serialized_timing_cache.startswith(b"damaged"):
            self._logger.log(Severity.ERROR, "the timing cache is of another version")
            return FakeCache(b"")
        return FakeCache(serialized_timing_cache)

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.cache = cache
        return not (self._library.fails == "cache" and cache.held)

    def get_timing_cache(self) -> FakeCache | None:
        return self.cache

    def add_optimization_profile(self, profile: Any) -> int:
        if self._library.fails == "profile":
            return -1
        self.profiles.append(profile)
        return len(self.profiles) - 1


class FakeBuilder:
    def __init__(self, library: FakeBuilding, logger: Any) -> None:
        self._library, self._logger = library, logger

    def create_network(self, flags: int) -> FakeNetwork:
        assert flags == 0  # strongly typed is all there is
        return FakeNetwork()

    def create_builder_config(self) -> FakeConfig:
        self._library.configs.append(FakeConfig(self._library, self._logger))
        return self._library.configs[-1]

    def create_optimization_profile(self) -> FakeProfile:
        return FakeProfile()

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        went_on = all(monitor.step_complete("Building", step) for step in range(2))
        monitor.phase_finish("Building")
        failures = {
            "build": "Could not find any implementation for node /up/MatMul",
            "memory": "Requested amount of GPU memory (9 bytes) could not be allocated",
        }
        if self._library.fails in failures or not went_on:
            self._logger.log(Severity.ERROR, failures.get(self._library.fails, "the user has stopped it"))
            return None
        graph = network.model.graph
        labels = graph.output[0].type.tensor_type.shape.dim[2].dim_value
        return plan_of(
            [tuple(next(iter(profile.shapes.values()))[1]) for profile in config.profiles],
            inputs=[tensor.name for tensor in graph.input],
            labels=labels,
        )
