"""A graph compiled for single rows of a few fixed lengths, one compiled model for each.

OpenVINO can run one compiled graph on rows of any length, and then prepares every operator anew whenever the length
changes: 1.0 of the 2.3 ms that a sentence of 22 tokens took (a MiniLM in int8, OpenVINO 2026.4). A graph that is
compiled for one length prepares nothing. It costs a copy of the weights and the time to compile it, so only
goal="latency" has such rows, and only in the lengths that export.tune found to pay off.
"""

from __future__ import annotations

import bisect
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.batch.batches import NOTHING, Batch
from runtime.errors import BackendError, NerveError


class FixedRows:
    """See the module. One caller at a time computes; others wait.

    Args:
        path: the ONNX file, with inputs of [rows, length].
        core: OpenVINO's.
        settings: all that OpenVINO is told.
        lengths: of the rows, rising.
        check: is called with each compiled model, and raises where it is not as it should be.

    Raises:
        BackendError: OpenVINO cannot compile the graph for one of the lengths.
    """

    def __init__(
        self,
        path: Path,
        core: Any,
        settings: Mapping[str, Any],
        lengths: Sequence[int],
        check: Callable[[Any], None],
    ) -> None:
        self._path, self._lengths, self._rows = path, tuple(lengths), []
        self._lock = threading.Lock()
        model: Any = core.read_model(str(path)) if lengths else None
        for length in lengths:
            try:
                compiled = core.compile_model(_of_length(model, length), "CPU", settings)
                check(compiled)
                self._rows.append(_FixedRow(compiled, length))
            except NerveError:
                raise
            except Exception as error:  # the library derives its exceptions from RuntimeError, and some from Exception
                problem = f"OpenVINO cannot compile it for rows of {length} ({reason(error)})"
                raise BackendError(path.name, problem, "choose another goal or profile") from error

    def holds(self, batch: Batch) -> bool:
        """Whether the batch is a single row that fits into one of the lengths."""
        rows, length = batch.input_ids.shape
        return rows == 1 and bool(self._lengths) and length <= self._lengths[-1]

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Logits of a batch that it holds. [1, length, labels]

        Raises:
            BackendError: OpenVINO refused it.
        """
        row = self._rows[bisect.bisect_left(self._lengths, batch.input_ids.shape[1])]
        try:
            with self._lock:
                return row.logits(batch)
        except Exception as error:
            raise refusal(self._path, batch, error) from error


def _of_length(model: Any, length: int) -> Any:
    """The model for single rows of a length, with int32 inputs.

    OpenVINO computes with int32 alone, and would convert int64 inputs first: three operators that took 9% of a
    sentence's time in int8.
    """
    from openvino import Type
    from openvino.preprocess import PrePostProcessor

    fixed = model.clone()
    fixed.reshape({port.get_any_name(): [1, length] for port in fixed.inputs})
    inputs = PrePostProcessor(fixed)
    for port in fixed.inputs:
        inputs.input(port.get_any_name()).tensor().set_element_type(Type.i32)
    return inputs.build()


class _FixedRow:
    """One compiled length, with arrays that are its inputs for good: to hand over an array takes 10 microseconds."""

    def __init__(self, compiled: Any, length: int) -> None:
        import openvino

        self._compiled, self._request = compiled, compiled.create_infer_request()
        self._inputs = {port.get_any_name(): np.zeros((1, length), np.int32) for port in compiled.inputs}
        self._names = list(self._inputs)
        for name, array in self._inputs.items():
            self._request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
        self._request.infer()
        self._output = self._request.get_output_tensor(0).data

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        size = batch.input_ids.shape[1]
        for name, given in batch.named(self._names).items():
            array = self._inputs[name]
            array[:, :size] = given
            array[:, size:] = NOTHING if name == "segment_ids" else 0
        self._request.infer(share_outputs=True)
        # A copy, because the next run writes over it.
        return np.array(self._output[:, :size], np.float32)


def refusal(path: Path, batch: Batch, error: Exception) -> BackendError:
    """The error of a batch that OpenVINO did not run."""
    shape = " x ".join(map(str, batch.input_ids.shape))
    return BackendError(path.name, f"OpenVINO refused a batch of {shape} ({reason(error)})", "export it again")


def reason(error: Exception) -> str:
    """The library's message on one line, without the names of its source files."""
    return re.sub(r"\s+", " ", re.sub(r"Exception from \S+|\S+\.[ch]pp:\d+:?", "", str(error))).strip()[:300]
