"""ONNX Runtime's sessions on a GPU, with buffers at fixed addresses. runtime.backends.onnxruntime_cuda opens them.

A stream (runtime.backends.onnxruntime_streams) is a session and the one thread that runs it. It has buffers on the GPU
for each shape of batch, and replays the CUDA graph that was captured for the shape: a batch is then one launch, and not
one launch for each of about a hundred kernels. With two streams, one copies while the other computes. Tests use ONNX
Runtime's CPU provider in place of a GPU's. The module does not know bundles.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.backends.onnxruntime_cpu import reason
from runtime.backends.onnxruntime_streams import Provider, SessionStream
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
        self._free: queue.SimpleQueue[SessionStream] = queue.SimpleQueue()
        self._streams = [SessionStream(onnxruntime) for _ in range(streams)]
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
