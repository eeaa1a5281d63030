"""TensorRT for RTX without a GPU, for running: what it has beside TensorRT is contexts that compile, and their cache.

Names and parameters are held against the real library by tests/runtime/backends/tensorrt/test_portable.py; what
they do is from its documentation, since they need a GPU. A cache that fits begins with the name of the GPU.
"""

from __future__ import annotations

import enum
import json
from typing import Any

from tests.fakes.cuda import FakeCuda
from tests.fakes.tensorrt import (
    Compute,
    ExecutionContextAllocationStrategy,
    FakeContext,
    FakePlan,
    FakeReader,
    FakeTrt,
)

RTX_VERSION = "1.7.1.116"


class DynamicShapesKernelSpecializationStrategy(enum.Enum):
    LAZY, EAGER, NONE = range(3)


class FakeRtx(FakeTrt):
    """The module tensorrt_rtx; `fails` can be "capture refused", too. `compiled` counts what no cache held."""

    DynamicShapesKernelSpecializationStrategy = DynamicShapesKernelSpecializationStrategy

    def __init__(self, cuda: FakeCuda, compute: Compute, *, fails: str = "") -> None:
        super().__init__(cuda, compute, fails=fails)
        self.__version__ = RTX_VERSION
        self.compiled = 0

    def Runtime(self, logger: Any) -> FakeReader:  # noqa: N802, TensorRT's name
        return _Reader(self, logger)


class _Reader(FakeReader):
    def deserialize_cuda_engine(self, serialized_engine: bytes) -> FakePlan | None:
        assert isinstance(self._library, FakeRtx)
        return FakePortablePlan(self._library, json.loads(serialized_engine), self._logger)


class FakePortablePlan(FakePlan):
    library: FakeRtx

    def create_runtime_config(self) -> FakeRuntimeConfig:
        return FakeRuntimeConfig()

    def create_execution_context(self, strategy: Any) -> FakeContext | None:
        config = strategy
        assert isinstance(config, FakeRuntimeConfig)
        assert config.strategy is ExecutionContextAllocationStrategy.USER_MANAGED
        assert config.dynamic_shapes_kernel_specialization_strategy is DynamicShapesKernelSpecializationStrategy.EAGER
        self.library.contexts.append(FakePortableContext(self, config.cache))
        return self.library.contexts[-1]


class FakeRuntimeConfig:
    def __init__(self) -> None:
        self.strategy: Any = None
        self.dynamic_shapes_kernel_specialization_strategy: Any = DynamicShapesKernelSpecializationStrategy.LAZY
        self.cache = FakeRuntimeCache()

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> FakeRuntimeCache:
        return FakeRuntimeCache()

    def set_runtime_cache(self, cache: Any) -> bool:
        self.cache = cache
        return True


class FakeRuntimeCache:
    def __init__(self) -> None:
        self.shapes: set[str] = set()

    def serialize(self) -> bytes:
        return ("this GPU " + " ".join(sorted(self.shapes))).encode()

    def deserialize(self, blob: bytes) -> bool:
        if not blob.startswith(b"this GPU "):
            return False
        self.shapes = {*blob.decode().split()[2:]}
        return True


class FakePortableContext(FakeContext):
    def __init__(self, plan: FakePortablePlan, cache: FakeRuntimeCache) -> None:
        super().__init__(plan)
        self._library, self._cache = plan.library, cache

    def execute_async_v3(self, stream_handle: int) -> bool:
        done = super().execute_async_v3(stream_handle)
        shape = "x".join(map(str, self._shape))
        if shape not in self._cache.shapes:
            self._library.compiled += 1
            self._cache.shapes.add(shape)
        return done

    def is_stream_capturable(self, stream: int) -> bool:
        return self._library.fails != "capture refused"
