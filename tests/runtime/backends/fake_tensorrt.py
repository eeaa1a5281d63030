"""TensorRT without TensorRT: the module's names that Nerve uses, to build a "plan" and to run it on a FakeCuda.

A plan is JSON: inputs, labels, profiles. What an engine answers is given: any function from inputs to logits, such as
ONNX Runtime's on the same graph. Whatever TensorRT demands is demanded here: shapes inside the profile, addresses of
all tensors, memory for the context, no run before that.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.runtime.backends.fake_cuda import FakeCuda

VERSION = "11.4.0.106"
Compute = Callable[[Mapping[str, NDArray[np.int64]]], NDArray[np.float32]]
Shape = tuple[int, ...]


class Severity(enum.Enum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class ILogger:
    Severity = Severity

    def log(self, severity: Any, msg: str) -> None: ...


class IProgressMonitor:
    def phase_start(self, phase_name: str, parent_phase: str, num_steps: int) -> None: ...
    def step_complete(self, phase_name: str, step: int) -> bool:
        return True

    def phase_finish(self, phase_name: str) -> None: ...


class TensorIOMode(enum.Enum):
    NONE, INPUT, OUTPUT = range(3)


class DataType(enum.Enum):
    FLOAT, HALF, INT64, BOOL = range(4)


class ExecutionContextAllocationStrategy(enum.Enum):
    STATIC, ON_PROFILE_CHANGE, USER_MANAGED = range(3)


class LayerInformationFormat(enum.Enum):
    ONELINE, JSON = range(2)


class MemoryPoolType(enum.Enum):
    WORKSPACE = 0


class ProfilingVerbosity(enum.Enum):
    LAYER_NAMES_ONLY, DETAILED = range(2)


class BuilderFlag(enum.Enum):
    TF32 = 0


class FakeTrt:
    """The module tensorrt.

    Args:
        cuda: the card.
        compute: logits of a batch. [rows, length, labels]
        fails: what goes wrong:
            "context", "execute", "capture", "infer", "parse", "build", "builder", "profile", "cache".

    Attributes:
        __version__: as the module's.
        configs: of every build.
        parsed: every graph that was parsed, and the path given with it.
        inspected: what the engine inspector says; by default a layer for each product of the graph, in fp16.
        steps: phases and steps that a build tells its monitor of.
    """

    ILogger = ILogger
    IProgressMonitor = IProgressMonitor
    TensorIOMode = TensorIOMode
    ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy
    LayerInformationFormat = LayerInformationFormat
    MemoryPoolType = MemoryPoolType
    ProfilingVerbosity = ProfilingVerbosity
    BuilderFlag = BuilderFlag

    def __init__(self, cuda: FakeCuda, compute: Compute, *, fails: str = "", scratch: int = 4096) -> None:
        self.__version__ = VERSION
        self.cuda, self.compute, self.fails, self.scratch = cuda, compute, fails, scratch
        self.configs: list[FakeConfig] = []
        self.parsed: list[tuple[onnx.ModelProto, str]] = []
        self.inspected = ""
        self.contexts: list[FakeContext] = []

    def Runtime(self, logger: Any) -> FakeReader:  # noqa: N802, TensorRT's name
        return FakeReader(self, logger)

    def Builder(self, logger: Any) -> FakeBuilder:  # noqa: N802, TensorRT's name
        if self.fails == "builder":
            logger.log(Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return FakeBuilder(self, logger)

    def OnnxParser(self, network: Any, logger: Any) -> FakeParser:  # noqa: N802, TensorRT's name
        return FakeParser(self, network)


class FakeReader:
    def __init__(self, library: FakeTrt, logger: Any) -> None:
        self._library, self._logger = library, logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> FakePlan | None:
        try:
            return FakePlan(self._library, json.loads(serialized_engine), self._logger)
        except ValueError:
            self._logger.log(Severity.WARNING, "something else")
            self._logger.log(Severity.ERROR, "IRuntime::deserializeCudaEngine: Error Code 1:\n  the plan is truncated")
            return None


class FakePlan:
    def __init__(self, library: FakeTrt, held: dict[str, Any], logger: Any) -> None:
        self.library, self.held, self.logger = library, held, logger
        self.names: list[str] = [*held["inputs"], *held["outputs"]]

    @property
    def num_optimization_profiles(self) -> int:
        return len(self.held["profiles"])

    @property
    def num_io_tensors(self) -> int:
        return len(self.names)

    @property
    def device_memory_size_v2(self) -> int:
        return self.library.scratch

    def get_tensor_name(self, index: int) -> str:
        return self.names[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self.held["inputs"] else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> DataType:
        kind = self.held.get("kind", "FLOAT") if name in self.held["outputs"] else "INT64"
        return DataType[kind]

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        return (-1, -1) if name in self.held["inputs"] else (-1, -1, self.held["labels"])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Sequence[int]]:
        assert name in self.held["inputs"]
        return [self.held["profiles"][profile_index]] * 3

    def create_execution_context(self, strategy: Any) -> FakeContext | None:
        assert strategy is ExecutionContextAllocationStrategy.USER_MANAGED
        if self.library.fails == "context":
            self.logger.log(Severity.ERROR, "no memory for a context")
            return None
        self.library.contexts.append(FakeContext(self))
        return self.library.contexts[-1]

    def create_engine_inspector(self) -> FakeInspector:
        return FakeInspector(self.library)


class FakeInspector:
    def __init__(self, library: FakeTrt) -> None:
        self._library = library

    def get_engine_information(self, format: Any) -> str:
        assert format is LayerInformationFormat.JSON
        return self._library.inspected or self._all_half()

    def _all_half(self) -> str:
        nodes = self._library.parsed[-1][0].graph.node
        half = {"Name": "t", "DataType": "Half", "Format": "Row major linear FP16 format (kLINEAR)"}
        layers = [
            {"Name": "l", "LayerType": "gemm", "Inputs": [half], "Metadata": f"[ONNX Layer: {node.name}]"}
            for node in nodes
            if node.op_type == "MatMul"
        ]
        return json.dumps({"Layers": layers, "I/O Tensors": []})


class FakeContext:
    def __init__(self, plan: FakePlan) -> None:
        self.plan, self.profile = plan, 0
        self.memory = (0, 0)
        self.shapes: dict[str, Shape] = {}
        self.addresses: dict[str, int] = {}
        self.runs = 0

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        self.profile, self.shapes = profile_index, {}  # shapes that were set before are lost, as in TensorRT
        self._cuda.put(stream_handle, "profile", lambda: None)
        return 0 <= profile_index < self.plan.num_optimization_profiles

    def set_device_memory(self, memory: int, size: int) -> None:
        assert size >= self.plan.device_memory_size_v2
        assert memory % 256 == 0
        self.memory = (memory, size)

    def set_input_shape(self, name: str, shape: Shape) -> bool:
        self.shapes[name] = shape
        return list(shape) == list(self.plan.held["profiles"][self.profile])

    def infer_shapes(self) -> list[str]:
        if self.plan.library.fails == "infer":
            raise RuntimeError("shapes")
        return [name for name in self.plan.held["inputs"] if name not in self.shapes]

    def set_tensor_address(self, name: str, memory: int) -> bool:
        assert memory % 256 == 0
        self.addresses[name] = memory
        return name in self.plan.names

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert {*self.addresses} == {*self.plan.names}
        assert not self.infer_shapes()
        self._cuda.at(*self.memory)
        self.runs += 1
        if self.plan.library.fails == "execute" or (self.plan.library.fails == "capture" and self.runs == 2):
            self.plan.logger.log(Severity.ERROR, "an illegal memory access was encountered")
            return False
        rows, length = self.plan.held["profiles"][self.profile]
        self._cuda.put(stream_handle, f"run {rows}x{length}", self._run)
        return True

    @property
    def _cuda(self) -> FakeCuda:
        return self.plan.library.cuda

    def _run(self) -> None:
        shape = tuple(self.plan.held["profiles"][self.profile])
        given = {
            name: self._cuda.at(self.addresses[name], 8 * shape[0] * shape[1]).view(np.int64).reshape(shape).copy()
            for name in self.plan.held["inputs"]
        }
        self._cuda.at(*self.memory)[...] = 0x55  # scratch is written over by whoever runs
        found = self.plan.library.compute(given)
        output = self.plan.held["outputs"][0]
        kind = {"FLOAT": np.float32, "HALF": np.float16}[self.plan.held.get("kind", "FLOAT")]
        raw = np.ascontiguousarray(found, kind).view(np.uint8).reshape(-1)
        self._cuda.at(self.addresses[output], len(raw))[...] = raw


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
    def __init__(self, library: FakeTrt, network: FakeNetwork) -> None:
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
        self.shapes[input] = (min, opt, max)


class FakeCache:
    def __init__(self, held: bytes) -> None:
        self.held = held

    def serialize(self) -> bytes:
        return self.held + b"+times"


class FakeConfig:
    def __init__(self, library: FakeTrt) -> None:
        self._library = library
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

    def create_timing_cache(self, serialized_timing_cache: bytes) -> FakeCache:
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
    def __init__(self, library: FakeTrt, logger: Any) -> None:
        self._library, self._logger = library, logger

    def create_network(self, flags: int) -> FakeNetwork:
        assert flags == 0  # strongly typed is all there is
        return FakeNetwork()

    def create_builder_config(self) -> FakeConfig:
        self._library.configs.append(FakeConfig(self._library))
        return self._library.configs[-1]

    def create_optimization_profile(self) -> FakeProfile:
        return FakeProfile()

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        went_on = all(monitor.step_complete("Building", step) for step in range(2))
        monitor.phase_finish("Building")
        if self._library.fails == "build" or not went_on:
            self._logger.log(Severity.ERROR, "Could not find any implementation for node /up/MatMul")
            return None
        graph = network.model.graph
        labels = graph.output[0].type.tensor_type.shape.dim[2].dim_value
        return plan_of(
            [tuple(next(iter(profile.shapes.values()))[1]) for profile in config.profiles],
            inputs=[tensor.name for tensor in graph.input],
            labels=labels,
        )


def plan_of(
    profiles: Sequence[Sequence[int]],
    *,
    inputs: Sequence[str] = ("input_ids", "position_ids", "segment_ids"),
    outputs: Sequence[str] = ("logits",),
    labels: int = 5,
    kind: str = "FLOAT",
) -> bytes:
    """A plan as FakeReader reads it."""
    held = {"profiles": profiles, "inputs": inputs, "outputs": outputs, "labels": labels, "kind": kind}
    return json.dumps(held).encode()
