"""A GPU without a GPU: what is put into a stream is run, in order, when somebody waits for it, and not before.

So a runner that reads an answer too early, frees what is still in use, or writes over a batch that was not copied yet
gives wrong answers here, too. Memory on the "GPU" is numpy's, at addresses that no array of the machine has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from runtime.backends.tensorrt.cuda import cuda_error

Step = tuple[str, Callable[[], None]]


class FakeCuda:
    """Cuda, see runtime.backends.tensorrt.cuda.

    Args:
        memory: bytes on the GPU.

    Attributes:
        log: what was done, in the order in which it ran; what waits in a stream is not done.
        device: memory on the GPU, by address.
        pinned: memory of this side, by address.
        streams: what waits in each.
        graphs: steps of each graph, by handle.
    """

    def __init__(self, *, memory: int = 1 << 30) -> None:
        self.log: list[str] = []
        self.device: dict[int, NDArray[np.uint8]] = {}
        self.pinned: dict[int, NDArray[np.uint8]] = {}
        self.streams: dict[int, list[Step]] = {}
        self.graphs: dict[int, list[Step]] = {}
        self._recording: dict[int, list[Step]] = {}
        self._memory, self._next = memory, 1
        self._lock = threading.Lock()

    def new_stream(self) -> int:
        self.streams[self._handle()] = []
        return max(self.streams)

    def end_stream(self, stream: int) -> None:
        assert not self.streams.pop(stream), "a stream was ended with work in it"
        assert stream not in self._recording

    def wait(self, stream: int) -> None:
        assert stream not in self._recording, "CUDA refuses to wait while it records"
        waiting, self.streams[stream] = self.streams[stream], []
        for name, step in waiting:
            step()
            self.log.append(name)

    def device_memory(self, size: int) -> int:
        held = sum(len(array) for array in self.device.values())
        if held + size > self._memory:
            raise cuda_error("cudaErrorMemoryAllocation", "cudaMalloc", size)
        address = self._handle() << 40
        self.device[address] = np.zeros(size, np.uint8)
        return address

    def free_device_memory(self, address: int) -> None:
        del self.device[address]

    def pinned_memory(self, size: int) -> NDArray[np.uint8]:
        memory = np.full(size, 0xAA, np.uint8)  # what real memory holds at first is anything
        self.pinned[memory.ctypes.data] = memory
        return memory

    def free_pinned_memory(self, memory: NDArray[np.uint8]) -> None:
        del self.pinned[memory.ctypes.data]

    def copy_in(self, device: int, host: int, size: int, stream: int) -> None:
        target, source = self.at(device, size), self.pinned[host][:size]
        self.put(stream, "copy in", lambda: np.copyto(target, source))

    def copy_out(self, host: int, device: int, size: int, stream: int) -> None:
        base = max(address for address in self.pinned if address <= host)
        target, source = self.pinned[base][host - base : host - base + size], self.at(device, size)
        assert len(target) == size
        self.put(stream, "copy out", lambda: np.copyto(target, source))

    def begin_capture(self, stream: int) -> None:
        assert not self.streams[stream], "recording began before the stream was empty"
        self._recording[stream] = []

    def end_capture(self, stream: int) -> int:
        graph = self._handle()
        self.graphs[graph] = self._recording.pop(stream)
        return graph

    def launch(self, graph: int, stream: int) -> None:
        self.streams[stream] += [("launch", lambda: None), *self.graphs[graph]]

    def end_graph(self, graph: int) -> None:
        del self.graphs[graph]

    def put(self, stream: int, name: str, step: Callable[[], None]) -> None:
        """Put a step into a stream, or record it."""
        self._recording.get(stream, self.streams[stream]).append((name, step))

    def at(self, address: int, size: int) -> NDArray[np.uint8]:
        """Bytes on the GPU; every address must lie in memory that was asked for."""
        base = max(held for held in self.device if held <= address)
        found = self.device[base][address - base : address - base + size]
        assert len(found) == size, "beyond the end of memory on the GPU"
        return found

    @property
    def is_clean(self) -> bool:
        """Whether everything was given back."""
        return not (self.device or self.pinned or self.streams or self.graphs)

    def _handle(self) -> int:
        with self._lock:
            self._next += 1
            return self._next
