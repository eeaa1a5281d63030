"""Streams of ONNX Runtime on a GPU: a session, the one thread that runs it, and its buffers for each shape of batch.

ONNX Runtime keeps captured CUDA graphs by thread, and a CUDA graph needs its inputs and outputs at the same addresses
each time. The module does not know how sessions are opened; runtime.backends.onnxruntime_sessions does.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.batch.batches import Batch

# The annotation for a run that is not captured; see "CUDA Graphs" in ONNX Runtime's page on the CUDA provider.
_NOT_CAPTURED = "-1"
# Each input begins at a multiple of 256 bytes, as what CUDA allocates does; this many int64 fill them.
_ALIGNED = 32


@dataclass(frozen=True, slots=True)
class Provider:
    """The part of ONNX Runtime that executes a graph on a device.

    Attributes:
        names: names of providers with their options. The first one does the model's work; the others run operators on
            shapes.
        device: ONNX Runtime's name of the device that holds the buffers: "cuda" or "cpu".
        captures: whether the work for each shape of batch is captured as a CUDA graph.
    """

    names: tuple[tuple[str, Mapping[str, str]], ...]
    device: str
    captures: bool


class _Gate:
    """A lock for many threads at once or one thread alone.

    ONNX Runtime captures in CUDA's global mode (its cuda_graph.cc): while one thread captures, an allocation or a wait
    of any other thread of the process fails, and makes the capture fail.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = self._waiting = 0
        self._alone = False

    @contextlib.contextmanager
    def __call__(self, alone: bool) -> Iterator[None]:
        """Wait until entering is allowed; on leaving, let others enter.

        Args:
            alone: whether no other thread may be inside.
        """
        with self._changed:
            # A thread that waits to be alone lets no new thread in: otherwise a steady load would keep it out forever.
            self._waiting += alone
            try:
                self._changed.wait_for(lambda: not (self._alone or (self._inside if alone else self._waiting)))
            finally:
                self._waiting -= alone
            self._inside += 1
            self._alone = alone
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._alone = False
                self._changed.notify_all()


# One for the whole process, as the capture is: several bundles may be open.
_GATE = _Gate()


class SessionStream:
    """A session, its thread, and its buffers for each shape of batch.

    Args:
        library: the module onnxruntime.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._thread = ThreadPoolExecutor(1)
        self._buffers: dict[tuple[int, int], _Buffers] = {}
        self._made = 0  # number of the last capture; a failed one's is not used again, as it may hold half a CUDA graph

    def open(self, opener: Callable[[], Any], provider: Provider, labels: int) -> None:
        with _GATE(alone=False):
            self._session = self._thread.submit(opener).result()
        self._provider, self._labels = provider, labels

    def run(self, batch: Batch, *, keep: bool) -> NDArray[np.float32]:
        """Logits of a batch. [rows, length, labels]

        Args:
            batch: the batch.
            keep: keep the buffers, and the captured CUDA graph, for further batches of the shape.
        """
        return self._thread.submit(self._run, batch, keep).result()

    def close(self) -> None:
        self._thread.shutdown()
        with _GATE(alone=False):
            self._buffers.clear()
            self._session = None

    def _run(self, batch: Batch, keep: bool) -> NDArray[np.float32]:
        rows, length = batch.input_ids.shape
        buffers = self._buffers.get((rows, length))
        # Only the first run of a shape that is kept is captured, and has to be alone.
        with _GATE(alone=self._provider.captures and keep and buffers is None):
            if buffers is not None:
                return buffers.run(self._session, batch)
            self._made += keep
            number = str(self._made) if keep else _NOT_CAPTURED
            buffers = _Buffers(self._library, self._session, self._provider, (rows, length, self._labels), number)
            logits = buffers.run(self._session, batch)
            if keep:  # only after the first run has succeeded: a failed capture must not be replayed
                self._buffers[rows, length] = buffers
            del buffers  # inside the gate, because freeing memory would make a capture fail
            return logits


class _Buffers:
    """Buffers for batches of one shape, bound to a session. A CUDA graph needs them at the same addresses each time."""

    def __init__(
        self, library: Any, session: Any, provider: Provider, shape: tuple[int, int, int], number: str
    ) -> None:
        def buffer(shape: Sequence[int], kind: type[np.generic]) -> Any:
            return library.OrtValue.ortvalue_from_shape_and_type(list(shape), kind, provider.device, 0)

        self._names = [node.name for node in session.get_inputs()]
        self._shape, self._on_cpu = shape[:2], provider.device == "cpu"
        slots = -(-shape[0] * shape[1] // _ALIGNED) * _ALIGNED
        # All inputs in one block: each copy to a GPU is a call to the driver that waits until it is done.
        self._given = np.zeros((len(self._names), slots), np.int64)
        self._inputs = buffer(self._given.shape, np.int64)
        output = session.get_outputs()[0]
        self._output = buffer(shape, np.float16 if output.type == "tensor(float16)" else np.float32)
        self._binding = session.io_binding()
        for index, name in enumerate(self._names):
            address = self._inputs.data_ptr() + index * self._given.strides[0]
            self._binding.bind_input(name, provider.device, 0, np.int64, list(self._shape), address)
        self._binding.bind_ortvalue_output(output.name, self._output)
        self._options = library.RunOptions()
        if provider.captures:
            self._options.add_run_config_entry("gpu_graph_id", number)

    def run(self, session: Any, batch: Batch) -> NDArray[np.float32]:
        """Copy in, run, copy out."""
        named = batch.named(self._names)
        for given, name in zip(self._given, self._names):
            given[: named[name].size] = named[name].reshape(-1)
        self._inputs.update_inplace(self._given)
        session.run_with_iobinding(self._binding, self._options)
        told = self._output.numpy()
        # What comes from a GPU is a copy. On the CPU it is the buffer itself, which the next run writes over.
        return np.array(told, np.float32) if self._on_cpu else np.asarray(told, np.float32)
