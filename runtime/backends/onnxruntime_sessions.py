"""ONNX Runtime's sessions on a GPU, with buffers at fixed addresses. runtime.backends.onnxruntime_cuda opens them.

A stream is a session and the one thread that runs it, because ONNX Runtime keeps captured CUDA graphs by thread. A
stream has buffers on the GPU for each shape of batch, and replays the CUDA graph that was captured for the shape: a
batch is then one launch, and not one launch for each of about a hundred kernels. With two streams, one copies while the
other computes. Tests use ONNX Runtime's CPU provider in place of a GPU's. The module does not know bundles.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.backends.onnxruntime_cpu import reason
from runtime.batch.batches import GIVEN, Batch, Packing, with_rows
from runtime.bundle.store import Device, Layout
from runtime.errors import BackendError

CPU = "CPUExecutionProvider"
_LIBRARIES = "pip install 'nerve-ner[gpu]', with a driver for CUDA 13"
_AGAIN = "export it again, or choose device cpu"
_WITHOUT_GRAPH = "run without CUDA graphs: give the backend setting cuda_graph=0"
# Operators that do the model's work. ONNX Runtime leaves operators on shapes to the CPU, which costs nothing.
_WORK = frozenset(
    {"MatMul", "Gemm", "FusedMatMul", "LayerNormalization", "SkipLayerNormalization", "Softmax", "Erf"}
) | {
    *("Gelu", "BiasGelu", "FastGelu", "Attention", "MultiHeadAttention", "PackedMultiHeadAttention"),
}
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


class OnnxRuntimeOnGpu:
    """A graph on a GPU.

    Args:
        path: the ONNX file.
        layout: layout of the graph's rows.
        streams: number of batches that run at the same time.
        packing: sizes of the batches. Buffers are kept for shapes with these row lengths.
        provider: executes the graph.
        labels: number of labels.
        vocabulary, positions: numbers of rows of the embedding tables. Ids and positions are checked against them: a
            GPU would read out of bounds without an error.
        warm: run, and capture, all shapes of batches on all streams now. It takes as long as their first runs would.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        BackendError: ONNX Runtime cannot load the graph, or would not run it on the GPU.
    """

    device: Device = "cuda"

    def __init__(
        self,
        path: Path,
        *,
        layout: Layout,
        streams: int,
        packing: Packing,
        provider: Provider,
        labels: int,
        vocabulary: int,
        positions: int,
        warm: bool = False,
    ) -> None:
        import onnxruntime

        self.version: str = onnxruntime.__version__
        self.layout, self.streams, self.packing = layout, streams, packing
        self._path, self._tables = path, (vocabulary, positions)
        self._free: queue.SimpleQueue[_SessionStream] = queue.SimpleQueue()
        self._streams = [_SessionStream(onnxruntime) for _ in range(streams)]
        try:
            for stream in self._streams:
                stream.open(functools.partial(_session, path, provider), provider, labels)
                self._free.put(stream)
            if warm:
                self._warm_up()
        except BaseException:
            self.close()
            raise

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        vocabulary, positions = self._tables
        batch.check(vocabulary=vocabulary, positions=positions)
        rows, length = batch.input_ids.shape
        kept = length in self.packing.lengths and rows * length <= max(length, self.packing.slots)
        stream = self._free.get()
        try:
            # Filled up to 1, 2, 4, 8... rows, so that there are few shapes: each has buffers and a captured CUDA graph.
            given = with_rows(batch, 1 << (rows - 1).bit_length()) if kept else batch
            with self._refusals(rows, length):
                return stream.run(given, keep=kept)[:rows]
        finally:
            self._free.put(stream)

    def close(self) -> None:
        """See Backend."""
        for stream in self._streams:
            stream.close()

    @contextlib.contextmanager
    def _refusals(self, rows: int, length: int) -> Iterator[None]:
        """What ONNX Runtime raises for a batch as one line."""
        try:
            yield
        except Exception as error:
            problem = f"ONNX Runtime refused a batch of {rows} x {length} ({reason(error)})"
            raise BackendError(self._path.name, problem, _fix(error)) from error

    def _warm_up(self) -> None:
        """Make the buffers of every shape of batch, and capture its run."""
        for rows, length in kept_shapes(self.packing):
            ids = np.zeros((rows, length), np.int64)
            batch = Batch(ids, np.zeros_like(ids), np.tile(np.arange(length), (rows, 1)))
            for stream in self._streams:
                with self._refusals(rows, length):
                    stream.run(batch, keep=True)


def kept_shapes(packing: Packing) -> list[tuple[int, int]]:
    """(rows, length) of all batches that a stream keeps buffers for: 1, 2, 4... rows, in the order of their size.

    Args:
        packing: sizes of the batches; it names row lengths.
    """
    shapes = []
    for length in packing.lengths:
        most = max(1, packing.slots // length)
        # Batches are filled up to a power of two, the largest ones beyond `most` where it is none.
        shapes += [(1 << power, length) for power in range((most - 1).bit_length() + 1)]
    return sorted(shapes, key=lambda shape: shape[0] * shape[1])


class _SessionStream:
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


def _session(path: Path, provider: Provider) -> Any:
    """A session that runs the model's work on the provider's device.

    Raises:
        BackendError: see OnnxRuntimeOnGpu.
    """
    import onnxruntime

    wanted = provider.names[0][0]
    if wanted != CPU:
        _preload(onnxruntime)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions
    options.intra_op_num_threads = 1  # the CPU has only operators on shapes to run
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = [(name, dict(settings)) for name, settings in provider.names]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints when it falls back; standard output is for answers
            session = onnxruntime.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    except Exception as error:  # the library derives its many exceptions from Exception alone
        problem = f"ONNX Runtime cannot load it for {wanted} ({reason(error)})"
        raise BackendError(path.name, problem, _WITHOUT_GRAPH if provider.captures else _AGAIN) from error
    session.disable_fallback()
    _check_where(session, wanted, path)
    if unknown := sorted({node.name for node in session.get_inputs()} - GIVEN):
        problem = f"it has inputs that no token classifier has ({', '.join(unknown)})"
        raise BackendError(path.name, problem, "give a graph exported for token classification")
    return session


def _fix(error: Exception) -> str:
    """The fix for a refused batch: smaller batches where memory ran out, and only there."""
    if re.search(r"out of memory|alloc", str(error), re.IGNORECASE):
        return "make batches smaller: give the backend setting slots=4096"
    return "give the backend setting cuda_graph=0, or choose device cpu"


def _preload(onnxruntime: Any) -> None:
    """Load the CUDA libraries that were installed as Python packages, which the system's linker does not find."""
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls()


def _check_where(session: Any, wanted: str, path: Path) -> None:
    """Check that the provider runs the model's work. ONNX Runtime falls back to the CPU with only a line in its log.

    Raises:
        BackendError: the session, or an operator that does the model's work, runs on another provider.
    """
    taken = session.get_providers()[0]
    if taken != wanted:
        raise BackendError(path.name, f"asked for {wanted}, ONNX Runtime fell back to {taken}", _LIBRARIES)
    # Older versions of ONNX Runtime do not tell where single operators run.
    told: Sequence[Any] = getattr(session, "get_provider_graph_assignment_info", list)()
    elsewhere = [node.op_type for part in told if part.ep_name != wanted for node in part.get_nodes()]
    if work := sorted(_WORK.intersection(elsewhere)):
        problem = f"{', '.join(work)} would not run on {wanted}"
        raise BackendError(path.name, problem, _AGAIN)
