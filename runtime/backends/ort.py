"""Backend onnxruntime: padded graphs on ONNX Runtime's CPU provider. The small default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runtime.bundle import Bundle, Layout
from runtime.errors import BackendError
from runtime.pack import Batch

if TYPE_CHECKING:
    from runtime.backends import Options


class OnnxRuntime:
    """A graph of padded layout on the CPU.

    Args:
        path: the ONNX file.
        threads: for the matrix products of one call.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        BackendError: ONNX Runtime cannot load the graph.
    """

    layout: Layout = "padded"
    device = "cpu"

    def __init__(self, path: Path, *, threads: int) -> None:
        import onnxruntime

        self.version: str = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors come as exceptions; a warning here is about the library's own business
        self._path = path
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library derives its many exceptions from Exception alone
            raise BackendError(
                str(path), f"ONNX Runtime cannot load it ({_reason(error)})", "export it again"
            ) from error
        self._inputs = [node.name for node in self._session.get_inputs()]

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend. Inputs that the graph does not have are left out; token types are all 0."""
        given = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        if "token_type_ids" in self._inputs:
            given["token_type_ids"] = np.zeros_like(batch.input_ids)
        try:
            logits: NDArray[np.float32] = self._session.run(None, given)[0]
        except Exception as error:
            shape = " x ".join(map(str, batch.input_ids.shape))
            found = f"ONNX Runtime refused a batch of {shape} ({_reason(error)})"
            raise BackendError(str(self._path), found, "export it again") from error
        return logits

    def close(self) -> None:
        """See Backend."""
        del self._session


def open_onnxruntime(bundle: Bundle, options: Options) -> OnnxRuntime:
    """The backend on a bundle's graph; certified for the installed version of ONNX Runtime unless told otherwise."""
    graph = bundle.graph(options.precision)
    if options.certified:
        certificate = bundle.certificate(graph, backend="onnxruntime", device="cpu")
    backend = OnnxRuntime(bundle.file(graph.file), threads=options.threads)
    if options.certified:
        certificate.check_version("onnxruntime", backend.version)
    return backend


def _reason(error: Exception) -> str:
    """The library's message, on one line and without the names of its source files."""
    return re.sub(r"\s+", " ", re.sub(r"\S+\.(cc|h):\d+ ?\S*", "", str(error))).strip()[:300]
