"""A stream: a stream of CUDA with memory of its own, and in it, for each profile of an engine, a context and a graph.

Whatever a stream does goes through one stream, in order, so that its contexts can share one token of memory. All
addresses are fixed when it is opened. A profile is prepared when its first batch comes: one run to let TensorRT ask
for what it needs, then the same is recorded as a graph: copy in, run, copy out. From then on, a batch is one launch.
Two streams hide each other's copies. It knows nothing of threads but this: a stream serves one batch at a time.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.backends.tensorrt.api import Context, Contexts, Plan, Runtime, accepted, why
from runtime.backends.tensorrt.cuda import Cuda
from runtime.batch.batches import GIVEN, NOTHING
from runtime.bundle.manifest import Profile
from runtime.bundle.store import REMAKE
from runtime.errors import BackendError, BundleError

_TYPES: Mapping[str, type[np.generic]] = {
    "INT64": np.int64,
    "INT32": np.int32,
    "FLOAT": np.float32,
    "HALF": np.float16,
}
# Alignment of tensors that TensorRT is given, in bytes.
_ALIGNED = 256


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input, [rows, length], or the output, [rows, length, labels], of an engine; `depth` is 1 or labels."""

    name: str
    kind: type[np.generic]
    depth: int

    def bytes(self, profile: Profile) -> int:
        """Its size for batches of that profile."""
        return profile.rows * profile.length * self.depth * np.dtype(self.kind).itemsize


@dataclass(frozen=True, slots=True)
class Tensors:
    """What an engine is given and gives. They lie one behind the other in a stream's memory, the output last."""

    inputs: tuple[Tensor, ...]
    output: Tensor

    def offsets(self, profile: Profile) -> list[int]:
        """Where each input begins, where the output begins, and where all end, in bytes."""
        offsets = [0]
        for tensor in (*self.inputs, self.output):
            offsets.append(offsets[-1] + math.ceil(tensor.bytes(profile) / _ALIGNED) * _ALIGNED)
        return offsets


def tensors_of(plan: Plan, library: Runtime, what: str) -> Tensors:
    """The inputs and the output of an engine.

    Args:
        plan: the engine.
        library: the module tensorrt.
        what: the engine's name, for messages.

    Raises:
        BundleError: it is not a token classifier of int inputs and one float output.
    """
    names = [plan.get_tensor_name(index) for index in range(plan.num_io_tensors)]
    inputs = [name for name in names if plan.get_tensor_mode(name) == library.TensorIOMode.INPUT]
    outputs = [name for name in names if plan.get_tensor_mode(name) == library.TensorIOMode.OUTPUT]
    if len(outputs) != 1 or not inputs or not GIVEN.issuperset(inputs):
        problem = f"it takes {', '.join(inputs) or 'nothing'} and gives {', '.join(outputs) or 'nothing'}"
        raise BundleError(what, problem, REMAKE)
    types = {name: str(plan.get_tensor_dtype(name).name) for name in names}
    if unknown := sorted({*types.values()} - {*_TYPES}):
        raise BundleError(what, f"its tensors hold {', '.join(unknown)}", REMAKE)
    labels = int(plan.get_tensor_shape(outputs[0])[-1])
    if labels < 1:
        raise BundleError(what, "the number of its labels is not fixed", REMAKE)
    made = tuple(Tensor(name, _TYPES[types[name]], 1) for name in inputs)
    return Tensors(made, Tensor(outputs[0], _TYPES[types[outputs[0]]], labels))


def profiles_of(plan: Plan, name: str) -> tuple[Profile, ...]:
    """The largest batch that each profile of an engine takes, in the order of the profiles; `name` is of an input."""
    largest = [plan.get_tensor_profile_shape(name, index)[2] for index in range(plan.num_optimization_profiles)]
    return tuple(Profile(int(shape[0]), int(shape[1])) for shape in largest)


def range_of(plan: Plan, name: str, batch: Profile) -> int:
    """The optimization profile of an engine that holds a batch: the first between whose ends it lies.

    Args:
        plan: the engine.
        name: of an input.
        batch: rows and length.

    Raises:
        BackendError: none does.
    """
    for index in range(plan.num_optimization_profiles):
        least, _, most = plan.get_tensor_profile_shape(name, index)
        if all(low <= size <= high for low, size, high in zip(least, (batch.rows, batch.length), most)):
            return index
    raise BackendError("engine", f"it holds no batch of {batch.rows} x {batch.length}", REMAKE)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A profile that can run: its context, which the graph needs to live, and the graph."""

    context: Context
    graph: int


class EngineStream:
    """See the module.

    Args:
        plan, tensors: the engine, and what tensors_of says of it.
        profiles: batches that it is run on, in the order in which run() counts them.
        contexts: of the engine.
        cuda: the GPU.
        said: TensorRT's errors, as runtime.backends.tensorrt.api.new_logger keeps them.
        preparing: held while a context is made and a graph recorded; streams share the engine that is asked for them.

    Raises:
        BackendError: no memory for it.
    """

    def __init__(
        self,
        plan: Plan,
        tensors: Tensors,
        profiles: Sequence[Profile],
        *,
        contexts: Contexts,
        cuda: Cuda,
        said: list[str],
        preparing: threading.Lock,
    ) -> None:
        self._plan, self._tensors, self._profiles = plan, tensors, tuple(profiles)
        self._contexts, self._cuda, self._said, self._preparing = contexts, cuda, said, preparing
        self._ready: dict[int, _Ready] = {}
        self._device: list[int] = []
        size = max(tensors.offsets(profile)[-1] for profile in self._profiles)
        self._scratch_size = max(_ALIGNED, plan.device_memory_size_v2)
        self._stream = cuda.new_stream()
        self._host: NDArray[np.uint8] | None = None
        try:
            self._host = cuda.pinned_memory(size)
            self._device = [cuda.device_memory(size)]
            self._device.append(cuda.device_memory(self._scratch_size))
        except BaseException:
            self.close()
            raise

    def run(self, index: int, arrays: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits of a batch that is no larger than the profile of that index. [rows, length, labels]

        Args:
            index: of the profile.
            arrays: every input by name. [rows, length]

        Raises:
            BackendError: TensorRT or CUDA refused it.
        """
        profile = self._profiles[index]
        self._fill(profile, arrays)
        if index not in self._ready:
            with self._preparing:
                self._ready[index] = self._prepared(index)
        self._cuda.launch(self._ready[index].graph, self._stream)
        self._cuda.wait(self._stream)
        rows, length = next(iter(arrays.values())).shape
        start = self._tensors.offsets(profile)[-2]
        # A copy: the next batch writes its answer over this one.
        return np.array(self._view(self._tensors.output, profile, start)[:rows, :length], np.float32)

    def close(self) -> None:
        """Give everything back, what needs others first."""
        for ready in self._ready.values():
            self._cuda.end_graph(ready.graph)
        self._ready.clear()
        for address in self._device:
            self._cuda.free_device_memory(address)
        self._device = []
        if self._host is not None:
            self._cuda.free_pinned_memory(self._host)
            self._host = None
        self._cuda.end_stream(self._stream)

    def _fill(self, profile: Profile, arrays: Mapping[str, NDArray[np.int64]]) -> None:
        """Write a batch where the GPU reads it. What is left of the profile's batch holds nothing."""
        for tensor, start in zip(self._tensors.inputs, self._tensors.offsets(profile)):
            given = arrays[tensor.name]
            view = self._view(tensor, profile, start)[..., 0]
            if given.shape != view.shape:
                view[...] = NOTHING if tensor.name == "segment_ids" else 0
            view[: given.shape[0], : given.shape[1]] = given

    def _view(self, tensor: Tensor, profile: Profile, start: int) -> NDArray[Any]:
        """A tensor's place in pinned memory. [rows, length, depth]"""
        assert self._host is not None
        raw = self._host[start : start + tensor.bytes(profile)]
        return raw.view(tensor.kind).reshape(profile.rows, profile.length, tensor.depth)

    def _prepared(self, index: int) -> _Ready:
        """The profile's context and graph; the batch that is in pinned memory now has run once."""
        context = self._context(index)
        self._enqueue(index, context)
        self._cuda.wait(self._stream)
        self._contexts.prepared()
        if not self._contexts.can_capture(context, self._stream):
            raise self._refused(self._profiles[index])
        self._cuda.begin_capture(self._stream)
        try:
            self._enqueue(index, context)
        except BaseException:
            self._abandon()
            raise
        return _Ready(context, self._cuda.end_capture(self._stream))

    def _abandon(self) -> None:
        """End a recording that failed, so that the stream can be used and ended."""
        try:
            self._cuda.end_graph(self._cuda.end_capture(self._stream))
        except BackendError:
            return  # what made the recording fail is the error to show

    def _context(self, index: int) -> Context:
        profile, addresses = self._profiles[index], self._tensors.offsets(self._profiles[index])
        context = self._new_context(profile)
        chosen = range_of(self._plan, self._tensors.inputs[0].name, profile)
        done = accepted(context.set_device_memory, self._device[1], self._scratch_size)
        done = done and accepted(context.set_optimization_profile_async, chosen, self._stream)
        self._cuda.wait(self._stream)
        for tensor in self._tensors.inputs:
            done = done and accepted(context.set_input_shape, tensor.name, (profile.rows, profile.length))
        for tensor, start in zip((*self._tensors.inputs, self._tensors.output), addresses):
            done = done and accepted(context.set_tensor_address, tensor.name, self._device[0] + start)
        if not done or not _is_complete(context):
            raise self._refused(profile)
        return context

    def _new_context(self, profile: Profile) -> Context:
        try:
            context = self._contexts.new()
        except RuntimeError:  # its reason went to the logger
            context = None
        if context is None:
            raise self._refused(profile)
        return context

    def _enqueue(self, index: int, context: Context) -> None:
        """Copy in, run, copy out."""
        assert self._host is not None
        *_, output, end = self._tensors.offsets(self._profiles[index])
        host, device = self._host.ctypes.data, self._device[0]
        self._cuda.copy_in(device, host, output, self._stream)
        if not accepted(context.execute_async_v3, self._stream):
            raise self._refused(self._profiles[index])
        self._cuda.copy_out(host + output, device + output, end - output, self._stream)

    def _refused(self, profile: Profile) -> BackendError:
        problem = f"TensorRT refused a batch of {profile.rows} x {profile.length} ({why(self._said)})"
        return BackendError("engine", problem, "run make export TENSORRT=1")


def _is_complete(context: Context) -> bool:
    """Whether TensorRT knows the shape of every tensor."""
    try:
        return not context.infer_shapes()
    except RuntimeError:  # its reason went to the logger
        return False
