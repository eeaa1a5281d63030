"""TensorRT without TensorRT: the names that running an engine uses, on a FakeCuda; tensorrt_builder builds one.

A plan is JSON: inputs, labels, profiles. What an engine answers is given: any function from inputs to logits, such as
ONNX Runtime's on the same graph. Whatever TensorRT demands is demanded here: shapes inside the profile, addresses of
all tensors, memory for the context, no run before that.

Where the bindings say no by RuntimeError (execute_async_v3, set_tensor_address, set_device_memory), the fake raises it,
too. Of running an engine, only this was checked against the real library (TensorRT for RTX 1.7; the rest needs a
GPU): a Runtime can be made, deserialize_cuda_engine gives back None for a damaged plan with the reason in the log,
and all names and parameters are the library's (tests/runtime/backends/tensorrt/test_api.py).
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from runtime.backends.tensorrt.api import Context
from tests.fakes.cuda import FakeCuda

VERSION = "11.4.0.106"
Compute = Callable[[Mapping[str, NDArray[np.int64]]], NDArray[np.float32]]
Shape = tuple[int, ...]


class Severity(enum.Enum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class ILogger:
    Severity = Severity

    def log(self, severity: Any, msg: str) -> None: ...


class TensorIOMode(enum.Enum):
    NONE, INPUT, OUTPUT = range(3)


class DataType(enum.Enum):
    FLOAT, HALF, INT64, BOOL = range(4)


class ExecutionContextAllocationStrategy(enum.Enum):
    STATIC, ON_PROFILE_CHANGE, USER_MANAGED = range(3)


class LayerInformationFormat(enum.Enum):
    ONELINE, JSON = range(2)


class FakeTrt:
    """The module tensorrt.

    Args:
        cuda: the GPU.
        compute: logits of a batch. [rows, length, labels]
        fails: what goes wrong:
            "context", "execute", "capture", "infer", "parse", "build", "builder", "profile", "cache".

    Attributes:
        __version__: as the module's.
        parsed: every graph that was parsed, and the path given with it.
        inspected: what the engine inspector says; by default a layer for each product of the graph, in fp16.
    """

    ILogger = ILogger
    TensorIOMode = TensorIOMode
    ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy
    LayerInformationFormat = LayerInformationFormat

    def __init__(self, cuda: FakeCuda, compute: Compute, *, fails: str = "", scratch: int = 4096) -> None:
        self.__version__ = VERSION
        self.cuda, self.compute, self.fails, self.scratch = cuda, compute, fails, scratch
        self.parsed: list[tuple[onnx.ModelProto, str]] = []
        self.inspected = ""
        self.contexts: list[FakeContext] = []

    def Runtime(self, logger: Any) -> FakeReader:  # noqa: N802, TensorRT's name
        return FakeReader(self, logger)


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
        least, most = self.range_of(profile_index)
        return [least, most, most]

    def range_of(self, profile_index: int) -> tuple[list[int], list[int]]:
        """The smallest and the largest shape of a profile; a plan tells one shape, or both."""
        told = self.held["profiles"][profile_index]
        return (told[0], told[1]) if isinstance(told[0], list) else (told, told)

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
    execution_context: Context

    def __init__(self, library: FakeTrt) -> None:
        self._library = library

    def get_engine_information(self, format: Any) -> str:
        assert format is LayerInformationFormat.JSON
        context = getattr(self, "execution_context", None)
        told = context is not None and not context.infer_shapes()
        return self._library.inspected or self._all("Half" if told else "unknown")

    def _all(self, kind: str) -> str:
        """A layer for each matrix multiplication of the graph. Types are told only with a context that has shapes."""
        nodes = self._library.parsed[-1][0].graph.node
        half = {"Name": "t", "DataType": kind, "Format": f"Row major linear {kind} format (kLINEAR)"}
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
        least, most = self.plan.range_of(self.profile)
        return all(low <= size <= high for low, size, high in zip(least, shape, most))

    def infer_shapes(self) -> list[str]:
        if self.plan.library.fails == "infer":
            raise RuntimeError("shapes")
        return [name for name in self.plan.held["inputs"] if name not in self.shapes]

    def set_tensor_address(self, name: str, memory: int) -> bool:
        assert memory % 256 == 0
        if name not in self.plan.names or self.plan.library.fails == "address":
            raise RuntimeError(f"no tensor {name}")
        self.addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert {*self.addresses} == {*self.plan.names}
        assert not self.infer_shapes()
        self._cuda.at(*self.memory)
        self.runs += 1
        if self.plan.library.fails == "execute" or (self.plan.library.fails == "capture" and self.runs == 2):
            self.plan.logger.log(Severity.ERROR, "an illegal memory access was encountered")
            raise RuntimeError("Failed to enqueue inference")
        rows, length = self._shape
        self._cuda.put(stream_handle, f"run {rows}x{length}", self._run)
        return True

    @property
    def _shape(self) -> Shape:
        return next(iter(self.shapes.values()))

    @property
    def _cuda(self) -> FakeCuda:
        return self.plan.library.cuda

    def _run(self) -> None:
        shape = self._shape
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


def plan_of(
    profiles: Sequence[Sequence[int] | Sequence[Sequence[int]]],
    *,
    inputs: Sequence[str] = ("input_ids", "position_ids", "segment_ids"),
    outputs: Sequence[str] = ("logits",),
    labels: int = 5,
    kind: str = "FLOAT",
) -> bytes:
    """A plan as FakeReader reads it."""
    held = {"profiles": profiles, "inputs": inputs, "outputs": outputs, "labels": labels, "kind": kind}
    return json.dumps(held).encode()
