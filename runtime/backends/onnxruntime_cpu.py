"""Backend onnxruntime: graphs of either layout on ONNX Runtime's CPU provider. The small default."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import BackendOptions, BackendSpec, Obstacle, not_installed, refuse_settings
from runtime.backends.onnx_graphs import GraphCandidates
from runtime.batch.batches import GIVEN, ON_CPU, Batch
from runtime.bundle.store import Bundle, Candidate, Device, Layout
from runtime.errors import BackendError

if TYPE_CHECKING:
    from runtime.system.machine import Machine

# For all devices of ONNX Runtime: the package for GPUs runs on the CPU, too, and fills the same folder.
DISTRIBUTIONS = ("onnxruntime-gpu", "onnxruntime")


class OnnxRuntime:
    """A graph on the CPU.

    A session of one thread computes in the thread that calls it, so that one session, with one copy of the weights,
    serves any number of callers and nothing waits for anything. With more threads each, callers would fight for them.

    Args:
        path: the ONNX file.
        layout: of its rows.
        streams: calls that run at once.
        threads: for the matrix products of one call.
        prepack: copy the weights into the order that products read them in. It pays off from some ten calls on.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        BackendError: ONNX Runtime cannot load the graph, or it wants other inputs than runtime.batch.batches.GIVEN.
    """

    device: Device = "cpu"
    packing = ON_CPU

    def __init__(self, path: Path, *, layout: Layout, streams: int, threads: int, prepack: bool = True) -> None:
        import onnxruntime

        self.version: str = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.disable_prepacking", str(int(not prepack)))
        # Graphs in fp8 are run as they stand: the optimizer would move shapes into fp8, for which there is no kernel.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.log_severity_level = 3  # errors come as exceptions; a warning here is about the library's own business
        self.layout, self.streams = layout, streams
        self._path, self._free = path, threading.Semaphore(streams)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library derives its many exceptions from Exception alone
            raise BackendError(
                str(path), f"ONNX Runtime cannot load it ({reason(error)})", "export it again"
            ) from error
        self._inputs = [node.name for node in self._session.get_inputs()]
        if unknown := sorted({*self._inputs} - GIVEN):
            problem = f"it wants inputs that no token classifier has ({', '.join(unknown)})"
            raise BackendError(str(path), problem, "give a graph exported for token classification")

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        try:
            with self._free:
                found = self._session.run(None, batch.named(self._inputs))[0]
        except Exception as error:
            shape = " x ".join(map(str, batch.input_ids.shape))
            why = f"ONNX Runtime refused a batch of {shape} ({reason(error)})"
            raise BackendError(str(self._path), why, "export it again") from error
        # A graph of others may give fp16.
        logits: NDArray[np.float32] = np.asarray(found, np.float32)
        return logits

    def close(self) -> None:
        """See Backend."""
        del self._session


def reason(error: Exception) -> str:
    """The library's message, on one line and without the names of its source files."""
    return re.sub(r"\s+", " ", re.sub(r"\S+\.(cc|h):\d+ ?\S*", "", str(error))).strip()[:300]


class _Spec:
    """See BackendSpec."""

    name = "onnxruntime"
    device: Device = "cpu"
    summary = "ONNX Runtime on the CPU: small, and runs everywhere"
    preference = 10
    library = "onnxruntime"
    distributions = DISTRIBUTIONS
    extra = "onnxruntime"
    _graphs: ClassVar = GraphCandidates(
        backend="onnxruntime",
        device="cpu",
        runs={"fp32": ("fp32",), "fp16": ("fp16",), "fp8": ("fp8",)},
        layouts=("padded", "packed"),
    )

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec."""
        return self._graphs.of(bundle)

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return not_installed(self, here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return self.missing(here)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> OnnxRuntime:
        """See BackendSpec. A stream for every thread, or all threads for one stream."""
        refuse_settings(self, options)
        graph = bundle.graph_in(candidate.file)
        streams = options.threads if options.goal == "throughput" else 1
        return OnnxRuntime(
            bundle.file(graph.file),
            layout=graph.layout,
            streams=streams,
            threads=options.threads // streams,
            prepack=options.goal != "once",
        )


SPECS: tuple[BackendSpec, ...] = (_Spec(),)
