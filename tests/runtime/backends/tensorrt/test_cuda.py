"""The adapter to cuda-python: what it calls of a module that notes calls, and what errors mean for a user."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from runtime.backends.tensorrt.cuda import CudaPython, cuda_error
from runtime.errors import BackendError


class CudaError(enum.Enum):
    cudaSuccess = 0  # noqa: N815, CUDA's names
    cudaErrorMemoryAllocation = 2  # noqa: N815
    cudaErrorInsufficientDriver = 35  # noqa: N815
    cudaErrorIllegalAddress = 700  # noqa: N815


class Kind(enum.Enum):
    cudaMemcpyHostToDevice = 1  # noqa: N815
    cudaMemcpyDeviceToHost = 2  # noqa: N815


class Mode(enum.Enum):
    cudaStreamCaptureModeThreadLocal = 1  # noqa: N815


class Module:
    """cuda.bindings.runtime: every function notes its call and gives back success and, where it has one, a result."""

    def __init__(self, results: dict[str, Any], error: tuple[str, CudaError] = ("", CudaError.cudaSuccess)) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._results, self._error = results, error
        constants = {"cudaStreamNonBlocking": 1, "cudaHostAllocDefault": 0}
        vars(self).update(constants, cudaError_t=CudaError, cudaMemcpyKind=Kind, cudaStreamCaptureMode=Mode)

    def __getattr__(self, name: str) -> Any:
        def function(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append((name, *arguments))
            if name == self._error[0]:
                return (self._error[1], None)
            found = self._results.get(name)
            return (CudaError.cudaSuccess,) if found is None else (CudaError.cudaSuccess, found)

        function.__name__ = name
        return function


def test_calls_in_cudas_own_order() -> None:
    memory = np.zeros(16, np.uint8)
    results = {
        "cudaStreamCreateWithFlags": 7,
        "cudaMalloc": 1 << 40,
        "cudaHostAlloc": memory.ctypes.data,
        "cudaStreamEndCapture": "graph",
        "cudaGraphInstantiate": 9,
    }
    module = Module(results)
    cuda = CudaPython(module)
    stream, address, pinned = cuda.new_stream(), cuda.device_memory(64), cuda.pinned_memory(16)
    cuda.copy_in(address, pinned.ctypes.data, 16, stream)
    cuda.begin_capture(stream)
    graph = cuda.end_capture(stream)
    cuda.launch(graph, stream)
    cuda.copy_out(pinned.ctypes.data, address, 16, stream)
    cuda.wait(stream)
    cuda.end_graph(graph)
    cuda.free_device_memory(address)
    cuda.free_pinned_memory(pinned)
    cuda.end_stream(stream)
    host = memory.ctypes.data
    assert module.calls == [
        ("cudaSetDevice", 0),
        ("cudaStreamCreateWithFlags", 1),
        ("cudaMalloc", 64),
        ("cudaHostAlloc", 16, 0),
        ("cudaMemcpyAsync", 1 << 40, host, 16, Kind.cudaMemcpyHostToDevice, 7),
        ("cudaStreamBeginCapture", 7, Mode.cudaStreamCaptureModeThreadLocal),
        ("cudaStreamEndCapture", 7),
        ("cudaGraphInstantiate", "graph", 0),
        ("cudaGraphDestroy", "graph"),
        ("cudaGraphLaunch", 9, 7),
        ("cudaMemcpyAsync", host, 1 << 40, 16, Kind.cudaMemcpyDeviceToHost, 7),
        ("cudaStreamSynchronize", 7),
        ("cudaGraphExecDestroy", 9),
        ("cudaFree", 1 << 40),
        ("cudaFreeHost", host),
        ("cudaStreamDestroy", 7),
    ]


def test_pinned_memory_is_the_memory_that_cuda_gave() -> None:
    memory = np.arange(16, dtype=np.uint8)
    pinned = CudaPython(Module({"cudaHostAlloc": memory.ctypes.data})).pinned_memory(16)
    pinned[3] = 99
    assert memory[3] == 99
    assert pinned.view(np.int64).shape == (2,)


def use(module: Module) -> None:
    cuda = CudaPython(module)
    cuda.new_stream()
    cuda.device_memory(3 << 20)


@pytest.mark.parametrize(
    ("call", "error", "found"),
    [
        ("cudaSetDevice", CudaError.cudaErrorInsufficientDriver, "no NVIDIA GPU that can be used"),
        ("cudaStreamCreateWithFlags", CudaError.cudaErrorIllegalAddress, "cudaStreamCreateWithFlags failed"),
        ("cudaMalloc", CudaError.cudaErrorMemoryAllocation, "out of memory, 3 MiB were asked for; end other programs"),
    ],
)
def test_errors_are_one_line(call: str, error: CudaError, found: str) -> None:
    module = Module({"cudaStreamCreateWithFlags": 7, "cudaMalloc": 1}, (call, error))
    with pytest.raises(BackendError, match=found):
        use(module)


def test_memory_that_a_graph_lacks_is_said_too() -> None:
    assert "cudaGraphInstantiate needs some" in str(cuda_error("cudaErrorMemoryAllocation", "cudaGraphInstantiate", 0))
