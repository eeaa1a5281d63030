"""CUDA, as far as an engine needs it: streams, memory on both sides, copies and graphs.

    class Cuda(Protocol)      all that a runner asks for; tests hold a fake that keeps the order of a stream
    class CudaPython          the same through cuda.bindings.runtime, which the package cuda-python brings

Addresses, streams and graphs are plain integers. Device 0 is used: CUDA_VISIBLE_DEVICES says which GPU that is.
Which GPU it is, runtime.system.gpu tells. It knows nothing of engines.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.backends.tensorrt.api import load
from runtime.errors import BackendError

DEVICE = 0
# Errors of a machine without a GPU that can be used, by their names in cudaError_t.
_NO_GPU = frozenset(
    {
        *("cudaErrorNoDevice", "cudaErrorInsufficientDriver", "cudaErrorStubLibrary", "cudaErrorInitializationError"),
        *("cudaErrorDevicesUnavailable", "cudaErrorSystemDriverMismatch", "cudaErrorSystemNotReady"),
        "cudaErrorCompatNotSupportedOnDevice",
    }
)
_SMALLER = "end other programs on the GPU, or make smaller batches (python -m export --tensorrt-slots N)"


class Cuda(Protocol):
    """What is asked of CUDA. Every call can raise BackendError: no GPU, no memory, or a call that failed.

    Copies and launches are put into a stream and run later, in order; only `wait` waits for them.
    """

    def new_stream(self) -> int: ...
    def end_stream(self, stream: int) -> None: ...
    def wait(self, stream: int) -> None: ...

    def device_memory(self, size: int) -> int:
        """The address of that many bytes on the GPU, aligned to 256."""
        ...

    def free_device_memory(self, address: int) -> None: ...

    def pinned_memory(self, size: int) -> NDArray[np.uint8]:
        """That many bytes of this machine's memory that the GPU reads and writes by itself. [size]"""
        ...

    def free_pinned_memory(self, memory: NDArray[np.uint8]) -> None: ...
    def copy_in(self, device: int, host: int, size: int, stream: int) -> None: ...
    def copy_out(self, host: int, device: int, size: int, stream: int) -> None: ...

    def begin_capture(self, stream: int) -> None:
        """From here on, what this thread puts into the stream is recorded and not run."""
        ...

    def end_capture(self, stream: int) -> int:
        """The graph of what was recorded, ready to launch."""
        ...

    def launch(self, graph: int, stream: int) -> None: ...
    def end_graph(self, graph: int) -> None: ...


class CudaPython:
    """Cuda through cuda.bindings.runtime. Its functions give back an error and, where there is one, a result.

    Args:
        runtime: that module; tests give another.

    Raises:
        BackendError: there is no GPU that can be used.
    """

    def __init__(self, runtime: Any) -> None:
        self._cuda = runtime
        self._call(runtime.cudaSetDevice, DEVICE)

    def new_stream(self) -> int:
        """A stream that does not wait for the default stream; TensorRT waits on the default one more than is needed."""
        return int(self._call(self._cuda.cudaStreamCreateWithFlags, self._cuda.cudaStreamNonBlocking))

    def end_stream(self, stream: int) -> None:
        """See Cuda."""
        self._call(self._cuda.cudaStreamDestroy, stream)

    def wait(self, stream: int) -> None:
        """Wait until the stream is empty; an error of anything in it is raised here."""
        self._call(self._cuda.cudaStreamSynchronize, stream)

    def device_memory(self, size: int) -> int:
        """See Cuda."""
        return int(self._call(self._cuda.cudaMalloc, size, size=size))

    def free_device_memory(self, address: int) -> None:
        """See Cuda."""
        self._call(self._cuda.cudaFree, address)

    def pinned_memory(self, size: int) -> NDArray[np.uint8]:
        """See Cuda."""
        address = int(self._call(self._cuda.cudaHostAlloc, size, self._cuda.cudaHostAllocDefault, size=size))
        return np.frombuffer(memoryview((ctypes.c_uint8 * size).from_address(address)).cast("B"), np.uint8)

    def free_pinned_memory(self, memory: NDArray[np.uint8]) -> None:
        """See Cuda."""
        self._call(self._cuda.cudaFreeHost, memory.ctypes.data)

    def copy_in(self, device: int, host: int, size: int, stream: int) -> None:
        """See Cuda."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call(self._cuda.cudaMemcpyAsync, device, host, size, kind, stream)

    def copy_out(self, host: int, device: int, size: int, stream: int) -> None:
        """See Cuda."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call(self._cuda.cudaMemcpyAsync, host, device, size, kind, stream)

    def begin_capture(self, stream: int) -> None:
        """See Cuda. Other threads go on as they please: what they do does not end the recording."""
        self._call(
            self._cuda.cudaStreamBeginCapture, stream, self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        )

    def end_capture(self, stream: int) -> int:
        """See Cuda."""
        graph = self._call(self._cuda.cudaStreamEndCapture, stream)
        try:
            return int(self._call(self._cuda.cudaGraphInstantiate, graph, 0))
        finally:
            self._call(self._cuda.cudaGraphDestroy, graph)

    def launch(self, graph: int, stream: int) -> None:
        """See Cuda."""
        self._call(self._cuda.cudaGraphLaunch, graph, stream)

    def end_graph(self, graph: int) -> None:
        """See Cuda."""
        self._call(self._cuda.cudaGraphExecDestroy, graph)

    def _call(self, function: Callable[..., tuple[Any, ...]], *arguments: Any, size: int = 0) -> Any:
        """The function's result, where it has one; `size` is what it asks memory of."""
        error, *result = function(*arguments)
        if error == self._cuda.cudaError_t.cudaSuccess:
            return result[0] if result else None
        raise cuda_error(error.name, function.__name__, size)


def cuda_error(name: str, function: str, size: int) -> BackendError:
    """The BackendError that says what an error of CUDA means for the user.

    Args:
        name: of the error, in cudaError_t.
        function: of CUDA, that gave it.
        size: bytes that were asked for; 0 where none were.
    """
    if name in _NO_GPU:
        return BackendError("device 'cuda'", f"no NVIDIA GPU that can be used ({name})", "check it with nvidia-smi")
    if name == "cudaErrorMemoryAllocation":
        asked = f"{max(1, size >> 20):,} MiB were asked for" if size else f"{function} needs some"
        return BackendError("device 'cuda'", f"out of memory, {asked}", _SMALLER)
    # After such an error every later call fails, too: the process has to begin anew.
    return BackendError("device 'cuda'", f"{function} failed ({name})", "run it again; report it if that does not help")


def open_cuda() -> Cuda:
    """CUDA on this machine.

    Raises:
        ModuleNotFoundError: cuda-python is not installed.
        BackendError: it cannot be loaded, or there is no GPU that can be used.
    """
    return CudaPython(load("cuda.bindings.runtime"))
