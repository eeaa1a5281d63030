"""Backend onnxruntime on the CPU: graphs of both layouts on ONNX Runtime's CPU provider. It is the small default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import BackendOptions, BackendSpec, Obstacle, not_installed, refuse_settings, turnstile
from runtime.backends.onnx_graphs import GraphCandidates
from runtime.batch.batches import GIVEN, Batch, on_cpu
from runtime.bundle.store import Bundle, Candidate, Device, Layout
from runtime.errors import BackendError

if TYPE_CHECKING:
    from runtime.system.machine import Machine

# The package for GPUs runs on the CPU, too. Both packages fill the same folder, so the one for GPUs comes first.
DISTRIBUTIONS = ("onnxruntime-gpu", "onnxruntime")


class OnnxRuntime:
    """A graph on the CPU.

    One session, with one copy of the weights, serves all streams: with one thread, it computes in the thread that calls
    it, and callers do not wait for each other. With more threads a call, callers would compete for them.

    Args:
        path: the ONNX file.
        layout: layout of the graph's rows.
        streams: number of calls that run at the same time.
        threads: number of threads for the matrix multiplications of one call.
        prepack: copy the weights into the order in which the multiplications read them; it pays off after about ten
            calls.
        int8: multiply in int8 what the graph stores in int8, instead of in fp32.
        slots: see BackendOptions.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        BackendError: ONNX Runtime cannot load the graph, or an input of it is not in runtime.batch.batches.GIVEN.
    """

    device: Device = "cpu"

    def __init__(
        self,
        path: Path,
        *,
        layout: Layout,
        streams: int,
        threads: int,
        prepack: bool = True,
        int8: bool = False,
        slots: int = 0,
    ) -> None:
        import onnxruntime

        self.version: str = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.disable_prepacking", str(int(not prepack)))
        # The optimizer would move operators on shapes into fp8, for which there are no kernels.
        options.add_session_config_entry("session.disable_quant_qdq", str(int(not int8)))
        options.log_severity_level = 4  # errors come as exceptions; the library would print them, too
        self.layout, self.streams, self.packing = layout, streams, on_cpu(slots)
        self._path, self._free = path, turnstile(streams)
        try:
            # Without the fall-back: it prints on standard output, where answers go, and tries the same once more.
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
            self._inputs = [node.name for node in self._session.get_inputs()]
            self._outputs = [node.name for node in self._session.get_outputs()[:1]]
        except Exception as error:  # the library derives its many exceptions from Exception alone
            raise BackendError(
                path.name, f"ONNX Runtime cannot load it ({reason(error)})", "export it again"
            ) from error
        if unknown := sorted({*self._inputs} - GIVEN):
            problem = f"it has inputs that no token classifier has ({', '.join(unknown)})"
            raise BackendError(path.name, problem, "give a graph exported for token classification")

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        try:
            with self._free:
                output = self._session.run(self._outputs, batch.named(self._inputs))[0]
        except Exception as error:
            shape = " x ".join(map(str, batch.input_ids.shape))
            problem = f"ONNX Runtime refused a batch of {shape} ({reason(error)})"
            raise BackendError(self._path.name, problem, "export it again") from error
        # The logits of a third-party graph may be in fp16.
        logits: NDArray[np.float32] = np.asarray(output, np.float32)
        return logits

    def close(self) -> None:
        """See Backend."""
        del self._session


def reason(error: Exception) -> str:
    """The library's message on one line, without the names of its source files and functions."""
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
    row_lengths: tuple[tuple[int, ...], ...] = ()
    _graphs: ClassVar = GraphCandidates(
        backend="onnxruntime",
        device="cpu",
        runs={"fp32": ("fp32",), "fp16": ("fp16",), "fp8": ("fp8",), "int8": ("int8",), "int4": ("int4",)},
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
        """See BackendSpec. For throughput every thread is a stream; otherwise one stream has all threads."""
        refuse_settings(self, options)
        graph = bundle.graph_in(candidate.file)
        streams = options.calls
        return OnnxRuntime(
            bundle.file(graph.file),
            layout=graph.layout,
            streams=streams,
            threads=options.threads // streams,
            prepack=options.goal != "once",
            int8=candidate.precision == "int8",
            slots=options.slots,
        )


SPECS: tuple[BackendSpec, ...] = (_Spec(),)
