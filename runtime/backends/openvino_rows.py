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
            compiled = core.compile_model(_with_branches(model, lengths), "CPU", settings)
            self._rows = _FixedRows(compiled.create_infer_request(), lengths)
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
        place = bisect.bisect_left(self._lengths, batch.input_ids.shape[1])
        try:
            with self._lock:
                return self._rows.logits(batch, place, self._lengths[place])
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

    Where there is one length alone, no input names it.
    """
    return _one_of([_of_length(model, length, longest=lengths[-1]) for length in lengths], 0)


def _one_of(branches: Sequence[Any], first: int) -> Any:
    """A model that runs one of the models, which have the same inputs and outputs. It looks at three of eight, at most.

    Args:
        branches: the models.
        first: place of the first of them.
    """
    from openvino import Model, opset8

    if len(branches) == 1:
        return branches[0]
    middle = len(branches) // 2
    halves = _one_of(branches[:middle], first), _one_of(branches[middle:], first + middle)
    inner = [{port.output(0).get_any_name(): port for port in half.get_parameters()} for half in halves]
    shapes = {_BRANCH: [1]} | {name: list(port.get_output_shape(0)) for name, port in inner[0].items()}
    inputs = {name: _input(name, shape) for name, shape in shapes.items()}
    is_before = opset8.less(inputs[_BRANCH], opset8.constant(np.array([first + middle], np.int32)))
    chosen = opset8.if_op(is_before.output(0))
    chosen.set_then_body(halves[0])
    chosen.set_else_body(halves[1])
    for name, port in inputs.items():
        within = [each.get(name) for each in inner]
        if any(each is not None for each in within):  # a model of one length needs no place
            chosen.set_input(port.output(0), *within)
    result = opset8.result(chosen.set_output(*(half.get_results()[0] for half in halves)))
    return Model([result], [*inputs.values()], "rows")


def _of_length(model: Any, length: int, *, longest: int) -> Any:
    """The model for single rows of a length. The constants are the given model's own.

    Its inputs are cut, so that all lengths have the same: with inputs, an output and a condition for each, eight
    lengths took 29 us of a call that computes nothing; so they take 13. The logits stay as long as the row, for
    OpenVINO rounds to bf16 what another operator reads.
    """
    from openvino import Model, opset8

    fixed = model.clone()
    fixed.reshape({port.get_any_name(): [1, length] for port in fixed.inputs})
    start, end, step, axis = (opset8.constant(np.array([number], np.int32)) for number in (0, length, 1, 1))
    inputs = []
    for port in fixed.get_parameters():
        inputs.append(_input(port.output(0).get_any_name(), [1, longest]))
        cut = opset8.slice(inputs[-1], start, end, step, axis)
        for reader in port.output(0).get_target_inputs():
            reader.replace_source_output(cut.output(0))
    return Model(fixed.get_results(), inputs, f"row of {length}")


def _input(name: str, shape: Sequence[int]) -> Any:
    from openvino import opset8

    port = opset8.parameter(shape, np.int32, name=name)
    port.output(0).set_names({name})
    return port


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


class _FixedRows:
    """A request with arrays that are its inputs for good: to hand over an array takes 10 microseconds.

    Args:
        request: of the model with branches.
        lengths: see FixedRows. Each runs once.
    """

    def __init__(self, request: Any, lengths: Sequence[int]) -> None:
        import openvino

        names = [port.get_any_name() for port in request.model_inputs]
        self._names = [name for name in names if name != _BRANCH]
        self._request, self._branch = request, np.zeros(1, np.int32)
        self._inputs, tensors = _tensors(len(self._names), lengths[-1])
        for name, tensor in zip(self._names, tensors):
            request.set_tensor(name, tensor)
        if _BRANCH in names:
            request.set_tensor(_BRANCH, openvino.Tensor(self._branch, shared_memory=True))
        for place in range(len(lengths)):
            self._run(place)

    def _run(self, place: int) -> Any:
        """Logits of what the inputs hold, until the next run."""
        self._branch[0] = place
        self._request.infer(share_outputs=True)
        return self._request.get_output_tensor(0).data

    def logits(self, batch: Batch, place: int, length: int) -> NDArray[np.float32]:
        """Logits of a batch of one row. [1, its length, labels]

        Args:
            batch: the row.
            place: of the length that it is filled up to.
            length: the same.
        """
        size = batch.input_ids.shape[1]
        given = batch.named(self._names)
        for name, array in zip(self._names, self._inputs):
            array[:, :size] = given[name]
            array[:, size:length] = NOTHING if name == "segment_ids" else 0
        # A copy, because the next run writes over it.
        return np.array(self._run(place)[:, :size], np.float32)


class AnyRows:
    """A request of the graph for any shape, which keeps arrays as its inputs for single short rows.

    To hand over an array takes 10 microseconds; to fill one that it has, one. Outputs are read from their tensor: a
    look-up in the dictionary that `infer` gives takes another two.

    Args:
        request: of OpenVINO's.
        names: of the graph's inputs, in their order.
    """

    def __init__(self, request: Any, names: Sequence[str]) -> None:
        self._request, self._names = request, names
        self._rows: dict[int, tuple[list[NDArray[np.int32]], list[Any]]] = {}
        # Length of the row whose arrays are the inputs now; 0: none of them are.
        self._length = 0

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Logits of a batch. [rows, length, labels]"""
        rows, length = batch.input_ids.shape
        given = batch.named(self._names)
        if rows == 1 and length <= _KEPT:
            self._fill(length, given)
            self._request.infer(share_outputs=True)
        else:
            self._length = 0
            copies = {name: array.astype(np.int32) for name, array in given.items()}
            self._request.infer(copies, share_inputs=True, share_outputs=True)
        # A copy, because the next run writes over it.
        return np.array(self._request.get_output_tensor(0).data, np.float32)

    def _fill(self, length: int, given: Mapping[str, NDArray[np.int64]]) -> None:
        """Make these arrays of one row the inputs."""
        if length not in self._rows:
            self._rows[length] = _tensors(len(self._names), length)
        arrays, tensors = self._rows[length]
        for name, array in zip(self._names, arrays):
            array[:] = given[name]
        if length != self._length:
            for place, tensor in enumerate(tensors):
                self._request.set_input_tensor(place, tensor)
            self._length = length


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
