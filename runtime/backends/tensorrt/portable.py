"""Backend tensorrt-rtx: a portable engine that export built without a GPU, on any GPU that it was built for.

TensorRT for RTX compiles the kernels of a portable engine on the GPU that runs it, when a batch of a new shape comes.
What was compiled is kept with the user's other caches, so that the next start need not compile it again; export.tune
has all batches compiled ahead. All else is as for TensorRT: streams, fixed addresses and CUDA graphs, see
runtime.backends.tensorrt.streams.
Source: the documentation of TensorRT for RTX 1.7, "Runtime cache" and "CUDA graphs"; the names are held against the
library by tests. It has not run on a GPU yet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np

from runtime.backends.base import BackendOptions, BackendSpec, Obstacle, refuse_settings
from runtime.backends.tensorrt.api import (
    Context,
    PortableContext,
    PortablePlan,
    PortableRuntime,
    RuntimeConfig,
    open_rtx,
)
from runtime.backends.tensorrt.cuda import Cuda, open_cuda
from runtime.backends.tensorrt.engine import STREAMS, EngineSpec, TensorRt, engine_of
from runtime.batch.batches import NOTHING, Batch
from runtime.bundle.certificate import Candidate
from runtime.bundle.manifest import Engine, sm
from runtime.bundle.store import Bundle
from runtime.errors import BackendError, StorageError
from runtime.system.cache import cache_folder, read_kept, write_kept
from runtime.system.gpu import Gpu

NAME = "tensorrt-rtx"
REBUILD = "export the bundle again with a portable engine, under this version"


class JitContexts:
    """Contexts of a portable engine, with what was compiled for this GPU before; see Contexts.

    Args:
        plan: the engine.
        library: the module tensorrt_rtx.
        cache: the file of what was compiled; read where it is there, and written when more was; empty: none is kept.
            A damaged one counts as none; one that does not fit this GPU, driver or version is refused by the library,
            and written anew.
    """

    def __init__(self, plan: PortablePlan, library: PortableRuntime, cache: str) -> None:
        self._plan, self._file = plan, cache
        self._config: RuntimeConfig = plan.create_runtime_config()
        strategy = library.ExecutionContextAllocationStrategy.USER_MANAGED
        self._config.set_execution_context_allocation_strategy(strategy)
        # Compiled for its shape before it first runs: a CUDA graph would keep a slower stand-in for ever.
        eager = library.DynamicShapesKernelSpecializationStrategy.EAGER
        self._config.dynamic_shapes_kernel_specialization_strategy = eager
        self._cache = self._config.create_runtime_cache()
        if kept := read_kept(Path(cache)) if cache else b"":
            self._cache.deserialize(kept)
        self._config.set_runtime_cache(self._cache)

    def new(self) -> Context | None:
        """See Contexts."""
        return self._plan.create_execution_context(self._config)

    def can_capture(self, context: Context, stream: int) -> bool:
        """See Contexts."""
        return cast(PortableContext, context).is_stream_capturable(stream)

    def prepared(self) -> None:
        """See Contexts. Without a place for it, the next start compiles again, and nothing else is different."""
        if self._file:
            with suppress(OSError, StorageError):
                write_kept(Path(self._file), bytes(self._cache.serialize()))


class PortableEngine(TensorRt):
    """A portable engine on the GPU; see TensorRt.

    Kernels are compiled and kept batch by batch, also after the self-check, which asks one shape of them. So what is
    kept was not checked first, as Keeping has it elsewhere; but where the check fails, no later start finds it.
    """

    is_new = False
    kept = Path()
    """The file of what was compiled; Path(): none."""

    def keep(self) -> None:
        """See runtime.backends.base.Keeping."""

    def forget(self) -> None:
        """See runtime.backends.base.Keeping."""
        if self.kept != Path():
            with suppress(OSError):
                self.kept.unlink()

    def compile_all(self) -> int:
        """See runtime.backends.base.Compiling. What one stream had compiled, the others take from the cache."""
        for profile in self.profiles:
            ids = np.zeros((profile.rows, profile.length), np.int64)
            self.logits(Batch(ids, np.full_like(ids, NOTHING), ids))
        return len(self.profiles)


def portable_obstacle(engine: Engine, here: Gpu, version: str) -> Obstacle | None:
    """Why a GPU cannot run a portable engine; None where it can.

    Args:
        engine: as the manifest holds it.
        here: this machine's GPU.
        version: of TensorRT for RTX that is installed here.
    """
    fits = here.compute_capability in engine.compute_capability.split(", ")
    if fits and version.split(".")[:3] == engine.tensorrt.split(".")[:3]:
        return None
    has = f"{here.name} ({sm(here.compute_capability)}"
    has += ")" if not fits else f", TensorRT for RTX {version or 'not installed'})"
    fix = REBUILD if fits else "use another backend on this GPU"
    return Obstacle(f"engine for {engine.built_for}, this machine has {has}", fix)


def open_portable(
    bundle: Bundle,
    candidate: Candidate,
    options: BackendOptions,
    *,
    here: Gpu | None,
    library: PortableRuntime,
    cuda: Callable[[], Cuda],
    cache: str,
) -> PortableEngine:
    """The backend on a bundle's portable engine; see BackendSpec.

    Args:
        here, library: this machine's GPU, and the module tensorrt_rtx.
        cuda: opens CUDA; asked only where the engine is for this GPU.
        cache: a folder for what is compiled; empty: none.

    Raises:
        BackendError: no GPU, one that the engine is not for, another version, or not enough memory.
        BundleError: the engine was built from another graph than the bundle's.
    """
    engine = engine_of(bundle, candidate, fix=REBUILD)
    if here is None:
        raise BackendError(f"backend {NAME!r}", "this machine has no NVIDIA GPU", "run it on one that has")
    if obstacle := portable_obstacle(engine, here, library.__version__):
        raise BackendError(f"backend {NAME!r}", *obstacle)
    kept = _compiled(cache, engine, here)
    backend = PortableEngine(
        bundle.file(engine.file),
        layout=engine.layout,
        streams=options.calls_on_gpu(STREAMS),
        vocabulary=bundle.manifest.vocabulary,
        positions=bundle.manifest.max_length,
        library=library,
        cuda=cuda(),
        profiles=engine.profiles,
        contexts=lambda plan, _: JitContexts(cast(PortablePlan, plan), library, kept),
    )
    backend.kept = Path(kept)
    return backend


def _compiled(cache: str, engine: Engine, here: Gpu) -> str:
    """The file of what was compiled of an engine for a GPU; empty where there is no folder for it."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{engine.file}-{here.name}")
    return f"{cache}/{name}.jit" if cache else ""


class _Spec(EngineSpec):
    """See BackendSpec."""

    name = NAME
    summary = "a portable engine of TensorRT for RTX, which export builds without a GPU"
    preference = 55
    library = "tensorrt_rtx"
    distributions = ("tensorrt-rtx-cu13", "tensorrt-rtx-cu13-bindings")
    extra = "tensorrt-rtx"

    def misfit(self, engine: Engine, here: Gpu, version: str) -> Obstacle | None:
        """See EngineSpec."""
        return portable_obstacle(engine, here, version)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> TensorRt:
        """See BackendSpec."""
        from runtime.system.machine import THIS_MACHINE

        refuse_settings(self, options)
        folder = cache_folder(self.name, bundle.manifest, os.environ)
        return open_portable(
            bundle, candidate, options, here=THIS_MACHINE.gpu(), library=open_rtx(), cuda=open_cuda, cache=folder
        )


SPECS: tuple[BackendSpec, ...] = (_Spec(),)
