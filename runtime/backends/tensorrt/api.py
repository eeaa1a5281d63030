"""The part of TensorRT's Python interface that running an engine needs, as types; for building: export.engines.api.

TensorRT is an extension module without types, and lives on machines with a GPU. These protocols say what we ask of
it, so that mypy holds our code to it, a fake can take its place, and a test holds both against the names and
parameters of the published bindings (tests/runtime/backends/tensorrt/names.json). Positions and names of parameters
are TensorRT's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from runtime.errors import BackendError

# pybind11's enumerations: members are compared and named, nothing else.
Member = Any


class Context(Protocol):
    """tensorrt.IExecutionContext: one run at a time, on memory that it is given."""

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool: ...
    def set_device_memory(self, memory: int, size: int) -> None: ...
    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool: ...
    def infer_shapes(self) -> list[str]: ...
    def set_tensor_address(self, name: str, memory: int) -> bool: ...
    def execute_async_v3(self, stream_handle: int) -> bool: ...


class Inspector(Protocol):
    """tensorrt.EngineInspector. Without a context whose shapes are set, it may tell types as unknown."""

    execution_context: Context

    def get_engine_information(self, format: Member) -> str: ...


class Plan(Protocol):
    """tensorrt.ICudaEngine: an engine that was read."""

    @property
    def num_optimization_profiles(self) -> int: ...
    @property
    def num_io_tensors(self) -> int: ...
    @property
    def device_memory_size_v2(self) -> int: ...
    def get_tensor_name(self, index: int) -> str: ...
    def get_tensor_mode(self, name: str) -> Member: ...
    def get_tensor_dtype(self, name: str) -> Member: ...
    def get_tensor_shape(self, name: str) -> Sequence[int]: ...
    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Sequence[int]]: ...
    def create_execution_context(self, strategy: Member) -> Context | None: ...
    def create_engine_inspector(self) -> Inspector: ...


class Reader(Protocol):
    """tensorrt.Runtime."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Plan | None: ...


class RuntimeCache(Protocol):
    """tensorrt_rtx.IRuntimeCache: kernels that were compiled on this GPU."""

    def serialize(self) -> bytes: ...
    def deserialize(self, blob: bytes) -> bool: ...


class RuntimeConfig(Protocol):
    """tensorrt_rtx.IRuntimeConfig: how contexts of a portable engine are made."""

    dynamic_shapes_kernel_specialization_strategy: Member

    def set_execution_context_allocation_strategy(self, strategy: Member) -> None: ...
    def create_runtime_cache(self) -> RuntimeCache: ...
    def set_runtime_cache(self, cache: RuntimeCache) -> bool: ...


class PortableContext(Context, Protocol):
    """tensorrt_rtx.IExecutionContext."""

    def is_stream_capturable(self, stream: int) -> bool: ...


class PortablePlan(Protocol):
    """tensorrt_rtx.ICudaEngine, as far as it differs from tensorrt's."""

    def create_runtime_config(self) -> RuntimeConfig: ...
    def create_execution_context(self, runtime_config: RuntimeConfig) -> PortableContext | None: ...


class Runtime(Protocol):
    """The module tensorrt, as far as running an engine needs it."""

    __version__: str
    # A base class for ours, and enumerations.
    ILogger: Any
    TensorIOMode: Any
    ExecutionContextAllocationStrategy: Any
    LayerInformationFormat: Any

    def Runtime(self, logger: Any) -> Reader: ...  # noqa: N802, TensorRT's name


class Contexts(Protocol):
    """Makes the execution contexts of an engine, all on memory that the stream gives them."""

    def new(self) -> Context | None:
        """Another context; None, or RuntimeError, if there is no memory for it."""
        ...

    def can_capture(self, context: Context, stream: int) -> bool:
        """Whether a run of that context can be recorded as a CUDA graph."""
        ...

    def prepared(self) -> None:
        """Is told that a context has run for the first time."""
        ...


class UserManagedContexts:
    """Contexts of TensorRT, whose kernels were compiled when the engine was built: every run can be recorded."""

    def __init__(self, plan: Plan, library: Runtime) -> None:
        self._plan, self._strategy = plan, library.ExecutionContextAllocationStrategy.USER_MANAGED

    def new(self) -> Context | None:
        """See Contexts."""
        return self._plan.create_execution_context(self._strategy)

    def can_capture(self, context: Context, stream: int) -> bool:
        """See Contexts."""
        return True

    def prepared(self) -> None:
        """See Contexts. Nothing is left to keep."""


class PortableRuntime(Runtime, Protocol):
    """The module tensorrt_rtx, as far as running a portable engine needs it."""

    DynamicShapesKernelSpecializationStrategy: Any


def open_rtx() -> PortableRuntime:
    """The module tensorrt_rtx; it raises what load does."""
    return cast(PortableRuntime, load("tensorrt_rtx", extra="tensorrt-rtx"))


def open_trt() -> Runtime:
    """The module tensorrt; it raises what load does."""
    return cast(Runtime, load("tensorrt"))


def load(module: str, *, extra: str = "gpu") -> Any:
    """A module that needs libraries of its own.

    Args:
        module: its name.
        extra: of Nerve, that installs it.

    Raises:
        ModuleNotFoundError: it is not installed.
        BackendError: it is, and cannot be loaded.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise
    except (ImportError, OSError) as error:  # a shared library that it needs is not there, or of another version
        problem = f"it is installed and cannot be loaded ({error})"
        raise BackendError(f"library {module!r}", problem, f"pip install 'nerve-ner[{extra}]'") from error


def _ignore(message: str) -> None:
    """Most of what TensorRT tells is for its own developers."""


def new_logger(library: Any, said: list[str], *, heard: Callable[[str], None] = _ignore) -> Any:
    """A logger for TensorRT that keeps errors.

    Args:
        library: the module tensorrt, or tensorrt_rtx.
        said: where errors are added; TensorRT gives back None or False, and says why only here.
        heard: is called with each message that is no error.
    """
    severity = library.ILogger.Severity
    errors = (severity.INTERNAL_ERROR, severity.ERROR)

    def log(self: Any, severity: Member, msg: str) -> None:
        if severity in errors:
            said.append(msg)
        else:
            heard(msg)

    # A class made here, because its base comes with the library.
    return type("Log", (library.ILogger,), {"log": log})()


def accepted(call: Callable[..., object], *arguments: object) -> bool:
    """Whether TensorRT did what it was asked to.

    Its bindings say no in two ways: some calls give back False, others raise RuntimeError where the C++ function gives
    back false. The cause is told to the logger.
    """
    try:
        return call(*arguments) is not False
    except RuntimeError:
        return False


def why(said: list[str]) -> str:
    """The last errors that TensorRT told, for a message; the list is emptied, for the next time."""
    told = "; ".join(" ".join(each.split()) for each in said[-2:])
    said.clear()
    return told[:400] or "it does not say why"
