"""Single rows of a few fixed lengths: one compiled model with a branch for each length.

OpenVINO can run one compiled graph on rows of any length, and then prepares every operator anew whenever the length
changes: 1.0 of the 2.3 ms that a sentence of 22 tokens took (a MiniLM in int8, OpenVINO 2026.4). A branch that is
compiled for one length prepares nothing. Branches of one model share most of the prepared weights, which models of
their own would each hold a copy of; what is computed in bf16 they share in bf16. They still cost memory and the time to
compile them, so only goal="latency" has such rows, and only where export.tune found that they pay off.
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

from runtime.backends.openvino_residual import BF16, is_weight, replace_node
from runtime.batch.batches import NOTHING, Batch
from runtime.errors import BackendError, NerveError

# The input that says which branch runs.
_BRANCH = "branch"
# Longest row whose arrays are kept; a longer one computes so long that it does not matter.
_KEPT = 128
# OpenVINO's mark of a conversion that is part of how a weight is stored: it is not computed ahead.
_DECOMPRESSION = "decompression_0"
# Numbers that are rounded together: so many stay in the CPU's cache.
_BLOCK = 65_536


class FixedRows:
    """See the module. One caller at a time computes; others wait.

    OpenVINO tells nothing of what is inside a branch, so that the caller checks by the graph for any length, which is
    compiled from the same file with the same settings, in which precision it computes.

    Args:
        path: the ONNX file, with inputs of [rows, length].
        core: OpenVINO's.
        settings: all that OpenVINO is told.
        lengths: of the rows, rising.
        read: gives the graph as OpenVINO's model, with int32 inputs.

    Raises:
        BackendError: OpenVINO cannot compile the graph for these lengths.
    """

    def __init__(
        self, path: Path, core: Any, settings: Mapping[str, Any], lengths: Sequence[int], read: Callable[[], Any]
    ) -> None:
        self._path, self._lengths = path, tuple(lengths)
        self._lock = threading.Lock()
        if not lengths:
            return
        try:
            model = read().clone()
            if settings.get("INFERENCE_PRECISION_HINT") == BF16:
                factors_in_bf16(model)
            model = _with_branches(model, lengths)
            self._request = core.compile_model(model, "CPU", settings).create_infer_request()
            self._rows = _rows_of(self._request, lengths)
        except NerveError:
            raise
        except Exception as error:  # the library derives its exceptions from RuntimeError, and some from Exception
            problem = f"OpenVINO cannot compile it for rows of {', '.join(map(str, lengths))} ({reason(error)})"
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


def factors_in_bf16(model: Any) -> int:
    """Store a model's fp32 weights that it only multiplies with in bf16, in place, and count them.

    Where OpenVINO computes in bf16 it rounds them itself, in each branch anew: a MiniLM in bf16 with five lengths took
    469 MB of memory in all, and takes 307. Logits are the same to the last bit. A weight that is not finite stays as
    it is: rounding could make a number of it.
    """
    import openvino
    from openvino import opset13  # the first whose constants can share memory

    found = [node for node in model.get_ordered_ops() if node.get_type_name() == "Constant" and _is_factor(node)]
    for node in found:
        stored = openvino.Tensor(openvino.Type.bf16, node.get_output_shape(0))
        stored.data.view(np.uint16)[...] = rounded_to_bf16(node.data)
        converted = opset13.convert(opset13.constant(stored, shared_memory=True), "f32")
        converted.get_rt_info()[_DECOMPRESSION] = ""
        replace_node(node, converted)
    return len(found)


def _is_factor(node: Any) -> bool:
    output = node.output(0)
    readers = {reader.get_node().get_type_name() for reader in output.get_target_inputs()}
    is_fp32 = output.get_element_type().get_type_name() == "f32"
    return is_fp32 and readers == {"MatMul"} and is_weight(output) and bool(np.isfinite(node.data).all())


def rounded_to_bf16(numbers: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Finite numbers to the nearest in bf16, ties to even, as OpenVINO rounds them: the bits of each."""
    flat = np.ascontiguousarray(numbers).reshape(-1)
    rounded = np.empty(flat.shape, np.uint16)
    for first in range(0, len(flat), _BLOCK):
        bits = flat[first : first + _BLOCK].view(np.uint32)
        # Half of the last place that stays, less one unit where that place is even.
        rounded[first : first + _BLOCK] = (bits + ((bits >> 16) & 1) + 0x7FFF) >> 16
    return rounded.reshape(numbers.shape)


def _with_branches(model: Any, lengths: Sequence[int]) -> Any:
    """One model that runs the given one on a row of that length whose place its first input names, and nothing else.

    Each length has inputs and an output of its own, so that all shapes are fixed.
    """
    from openvino import Model, opset8

    branch = opset8.parameter([1], np.int32, name=_BRANCH)
    branch.output(0).set_names({_BRANCH})
    inputs, results = [branch], []
    for place, length in enumerate(lengths):
        body = _of_length(model, length)
        is_asked_for = opset8.equal(branch, opset8.constant(np.array([place], np.int32)))
        chosen = opset8.if_op(is_asked_for.output(0))
        nothing = opset8.result(opset8.constant(np.zeros(list(body.outputs[0].get_shape()), np.float32)))
        chosen.set_then_body(body)
        chosen.set_else_body(Model([nothing], [], "nothing"))
        for inner in body.get_parameters():
            name = _name(inner.output(0).get_any_name(), length)
            outer = opset8.parameter([1, length], np.int32, name=name)
            outer.output(0).set_names({name})
            chosen.set_input(outer.output(0), inner, None)
            inputs.append(outer)
        result = opset8.result(chosen.set_output(body.get_results()[0], nothing))
        result.output(0).set_names({_name("logits", length)})
        results.append(result)
    return Model(results, inputs, "rows")


def _name(name: str, length: int) -> str:
    """Name of an input or output of the branch for a length."""
    return f"{name}/{length}"


def _of_length(model: Any, length: int) -> Any:
    """The model for single rows of a length. The constants are the given model's own."""
    fixed = model.clone()
    fixed.reshape({port.get_any_name(): [1, length] for port in fixed.inputs})
    return fixed


def with_int32(model: Any) -> Any:
    """The model with int32 inputs; it is changed in place.

    OpenVINO computes with int32 alone, and would convert int64 inputs first: three operators that took 9% of a
    sentence's time in int8.
    """
    from openvino import Type
    from openvino.preprocess import PrePostProcessor

    inputs = PrePostProcessor(model)
    for port in model.inputs:
        inputs.input(port.get_any_name()).tensor().set_element_type(Type.i32)
    return inputs.build()


def _rows_of(request: Any, lengths: Sequence[int]) -> list[_FixedRow]:
    """The branches of a request, each of which has run once."""
    import openvino

    branch = np.zeros(1, np.int32)
    request.set_tensor(_BRANCH, openvino.Tensor(branch, shared_memory=True))
    rows = [_FixedRow(request, branch, place, length) for place, length in enumerate(lengths)]
    for row in rows:
        row.run()
    return rows


class _FixedRow:
    """One length, with arrays that are its inputs for good: to hand over an array takes 10 microseconds."""

    def __init__(self, request: Any, branch: NDArray[np.int32], place: int, length: int) -> None:
        self._request, self._branch, self._place = request, branch, place
        ports = [port.get_any_name() for port in request.model_inputs]
        self._names = [name.removesuffix(f"/{length}") for name in ports if name.endswith(f"/{length}")]
        arrays, tensors = _tensors(len(self._names), length)
        self._inputs = dict(zip(self._names, arrays))
        for name, tensor in zip(self._names, tensors):
            request.set_tensor(_name(name, length), tensor)
        self._output = request.get_tensor(_name("logits", length)).data

    def run(self) -> None:
        """Compute what the inputs hold."""
        self._branch[0] = self._place
        self._request.infer(share_outputs=True)

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        size = batch.input_ids.shape[1]
        for name, given in batch.named(self._names).items():
            array = self._inputs[name]
            array[:, :size] = given
            array[:, size:] = NOTHING if name == "segment_ids" else 0
        self.run()
        # A copy, because the next run writes over it.
        return np.array(self._output[:, :size], np.float32)


class AnyRows:
    """A request of the graph for any shape, which keeps arrays as its inputs for single short rows.

    To hand over an array takes 10 microseconds; to fill one that it has, one.

    Args:
        request: of OpenVINO's.
        names: of the graph's inputs.
    """

    def __init__(self, request: Any, names: Sequence[str]) -> None:
        self._request, self._names = request, names
        self._rows: dict[int, tuple[list[NDArray[np.int32]], list[Any]]] = {}

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Logits of a batch. [rows, length, labels]"""
        rows, length = batch.input_ids.shape
        given = batch.named(self._names)
        if rows == 1 and length <= _KEPT:
            self._fill(length, given)
            said = self._request.infer(share_outputs=True)
        else:
            copies = {name: array.astype(np.int32) for name, array in given.items()}
            said = self._request.infer(copies, share_inputs=True, share_outputs=True)
        # A copy, because the next run writes over it.
        return np.array(said[0], np.float32)

    def _fill(self, length: int, given: Mapping[str, NDArray[np.int64]]) -> None:
        """Make these arrays of one row the inputs."""
        if length not in self._rows:
            self._rows[length] = _tensors(len(self._names), length)
        for name, array, tensor in zip(self._names, *self._rows[length]):
            array[:] = given[name]
            self._request.set_tensor(name, tensor)


def _tensors(count: int, length: int) -> tuple[list[NDArray[np.int32]], list[Any]]:
    """So many arrays of one row, and OpenVINO's tensors on them."""
    import openvino

    arrays = [np.zeros((1, length), np.int32) for _ in range(count)]
    return arrays, [openvino.Tensor(array, shared_memory=True) for array in arrays]


def refusal(path: Path, batch: Batch, error: Exception) -> BackendError:
    """The error of a batch that OpenVINO did not run."""
    shape = " x ".join(map(str, batch.input_ids.shape))
    return BackendError(path.name, f"OpenVINO refused a batch of {shape} ({reason(error)})", "export it again")


def reason(error: Exception) -> str:
    """The library's message on one line, without the names of its source files."""
    return re.sub(r"\s+", " ", re.sub(r"Exception from \S+|\S+\.[ch]pp:\d+:?", "", str(error))).strip()[:300]
