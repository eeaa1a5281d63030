"""ONNX Runtime on a GPU: sessions, and buffers that stay where they are. runtime.backends.onnxruntime_cuda opens them.

A stream is a session and the one thread that runs it, for ONNX Runtime keeps what it captured by thread. A stream has fixed
buffers on the GPU for each shape of batch, and replays a CUDA graph that was captured for it: then a batch is one
launch, and not one for each of some hundred kernels. Two streams hide each other's copies.
Any provider of ONNX Runtime can stand in for the GPU's; the CPU's does so in tests. It knows nothing of bundles.
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
_AGAIN = "export it again, or leave the GPU out: --device cpu"
_WITHOUT_GRAPH = "keep each batch's launches apart: --engine-option cuda_graph=0"
# Operators that are the model's work. ONNX Runtime leaves some that only handle shapes to the CPU, which costs nothing.
_WORK = frozenset(
    {"MatMul", "Gemm", "FusedMatMul", "LayerNormalization", "SkipLayerNormalization", "Softmax", "Erf"}
) | {
    *("Gelu", "BiasGelu", "FastGelu", "Attention", "MultiHeadAttention", "PackedMultiHeadAttention"),
}
# The annotation that keeps a run from being captured; see "CUDA Graphs" in ONNX Runtime's page on the CUDA provider.
_NOT_CAPTURED = "-1"


@dataclass(frozen=True, slots=True)
class Provider:
    """What executes a graph.

    Attributes:
        names: providers with their options, the wanted one first; the others take shapes, and no work.
        device: ONNX Runtime's name of where buffers lie: "cuda" or "cpu".
        captures: whether each shape is captured as a CUDA graph.
    """

    names: tuple[tuple[str, Mapping[str, str]], ...]
    device: str
    captures: bool


class _Gate:
    """Many at once, or one alone. ONNX Runtime captures in CUDA's global mode (its cuda_graph.cc): while one thread of
    the process does, an allocation or a wait of any other fails, and spoils the capture.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = self._waiting = 0
        self._alone = False

    @contextlib.contextmanager
    def __call__(self, alone: bool) -> Iterator[None]:
        """Wait to be let in; who wants to be alone goes before those who do not."""
        with self._changed:
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


# Of the process, for so is the capture: two bundles may be open.
_GATE = _Gate()


class OnnxRuntimeOnGpu:
    """A graph on a GPU.

    Args:
        path: the ONNX file.
        layout: of its rows.
        streams: batches that run at once.
        packing: the batches that it wants; its lengths are those whose shapes are kept.
        provider: what executes it.
        labels: how many there are.
        vocabulary, positions: rows of the embedding tables; a GPU reads out of bounds when an id leaves them.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        BackendError: ONNX Runtime cannot load the graph, or runs it elsewhere than on the GPU.
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
    ) -> None:
        import onnxruntime

        self.version: str = onnxruntime.__version__
        self.layout, self.streams, self.packing = layout, streams, packing
        self._path, self._tables = path, (vocabulary, positions)
        self._free: queue.SimpleQueue[_SessionStream] = queue.SimpleQueue()
        self._streams = [_SessionStream() for _ in range(streams)]
        try:
            for stream in self._streams:
                stream.open(functools.partial(_session, path, provider), provider, labels)
                self._free.put(stream)
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
            # With 1, 2, 4, 8... rows there are few shapes to keep.
            given = with_rows(batch, 1 << (rows - 1).bit_length()) if kept else batch
            return stream.run(given, keep=kept)[:rows]
        except Exception as error:
            why = f"ONNX Runtime refused a batch of {rows} x {length} ({reason(error)})"
            raise BackendError(str(self._path), why, _remedy(error)) from error
        finally:
            self._free.put(stream)

    def close(self) -> None:
        """See Backend."""
        for stream in self._streams:
            stream.close()


class _SessionStream:
    """A session, its thread, and the buffers of each shape."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._slots: dict[tuple[int, int], _Slot] = {}
        self._made = 0  # slots that were tried; a failed one's number is not given again

    def open(self, opener: Callable[[], Any], provider: Provider, labels: int) -> None:
        with _GATE(alone=False):
            self._session = self._thread.submit(opener).result()
        self._provider, self._labels = provider, labels

    def run(self, batch: Batch, *, keep: bool) -> NDArray[np.float32]:
        """Logits, [rows, length, labels]; `keep` the buffers for more batches of the shape."""
        return self._thread.submit(self._run, batch, keep).result()

    def close(self) -> None:
        self._thread.shutdown()
        with _GATE(alone=False):
            self._slots.clear()
            self._session = None

    def _run(self, batch: Batch, keep: bool) -> NDArray[np.float32]:
        rows, length = batch.input_ids.shape
        slot = self._slots.get((rows, length))
        # A shape that is not kept is not captured.
        with _GATE(alone=self._provider.captures and keep and slot is None):
            if slot is not None:
                return slot.run(self._session, batch)
            self._made += keep
            number = str(self._made) if keep else _NOT_CAPTURED
            slot = _Slot(self._session, self._provider, (rows, length, self._labels), number)
            logits = slot.run(self._session, batch)
            if keep:  # only once its first run is over: what was not captured must not be replayed
                self._slots[rows, length] = slot
            del slot  # what is not kept is given back in here
            return logits


class _Slot:
    """Buffers for batches of one shape, bound to a session, at addresses that never change."""

    def __init__(self, session: Any, provider: Provider, shape: tuple[int, int, int], number: str) -> None:
        import onnxruntime

        def buffer(shape: Sequence[int], kind: type[np.generic]) -> Any:
            return onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(shape), kind, provider.device, 0)

        self._inputs = {node.name: buffer(shape[:2], np.int64) for node in session.get_inputs()}
        output = session.get_outputs()[0]
        self._output = buffer(shape, np.float16 if output.type == "tensor(float16)" else np.float32)
        self._binding = session.io_binding()
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        self._binding.bind_ortvalue_output(output.name, self._output)
        self._options = onnxruntime.RunOptions()
        if provider.captures:
            self._options.add_run_config_entry("gpu_graph_id", number)

    def run(self, session: Any, batch: Batch) -> NDArray[np.float32]:
        """Copy in, run, copy out."""
        for name, array in batch.named(list(self._inputs)).items():
            self._inputs[name].update_inplace(np.ascontiguousarray(array))
        session.run_with_iobinding(self._binding, self._options)
        # A copy, for the next run writes over the buffer.
        return np.array(self._output.numpy(), np.float32)


def _session(path: Path, provider: Provider) -> Any:
    """A session that does its work where it was asked to, or an error."""
    import onnxruntime

    wanted = provider.names[0][0]
    if wanted != CPU:
        _preload(onnxruntime)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors come as exceptions
    options.intra_op_num_threads = 1  # nothing but shapes is left to the CPU
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = [(name, dict(settings)) for name, settings in provider.names]
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints when it falls back
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # the library derives its many exceptions from Exception alone
        problem = f"ONNX Runtime cannot load it for {wanted} ({reason(error)})"
        raise BackendError(str(path), problem, _WITHOUT_GRAPH if provider.captures else _AGAIN) from error
    session.disable_fallback()
    _check_where(session, wanted, path)
    if unknown := sorted({node.name for node in session.get_inputs()} - GIVEN):
        problem = f"it wants inputs that no token classifier has ({', '.join(unknown)})"
        raise BackendError(str(path), problem, "give a graph exported for token classification")
    return session


def _remedy(error: Exception) -> str:
    """Smaller batches help where memory ran out, and nowhere else."""
    if re.search(r"out of memory|alloc", str(error), re.IGNORECASE):
        return "make batches smaller: --engine-option token slots=4096"
    return "try it with --engine-option cuda_graph=0, or leave the GPU out: --device cpu"


def _preload(onnxruntime: Any) -> None:
    """Find the CUDA libraries that came as packages. What it prints is no answer of ours."""
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls()


def _check_where(session: Any, wanted: str, path: Path) -> None:
    """ONNX Runtime falls back to the CPU with no more than a line in its log: for a session, and for single nodes."""
    taken = session.get_providers()[0]
    if taken != wanted:
        raise BackendError(str(path), f"asked for {wanted}, ONNX Runtime fell back to {taken}", _LIBRARIES)
    # Older versions do not tell.
    told: Sequence[Any] = getattr(session, "get_provider_graph_assignment_info", list)()
    elsewhere = [node.op_type for part in told if part.ep_name != wanted for node in part.get_nodes()]
    if work := sorted(_WORK.intersection(elsewhere)):
        problem = f"{', '.join(work)} would not run on {wanted}"
        raise BackendError(str(path), problem, _AGAIN)
