"""Backend tensorrt: an engine that export built, on the GPU that it was built for, through TensorRT 11.

Batches have the fixed shapes of the engine's profiles. Each call of logits() takes a stream, see
runtime.backends.tensorrt.streams: as many run at once as there are streams, so that one's copies hide behind
another's work.
"""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import BackendOptions, BackendSpec, Obstacle, no_gpu, not_installed
from runtime.backends.tensorrt.api import Contexts, Plan, Runtime, UserManagedContexts, new_logger, open_trt, why
from runtime.backends.tensorrt.cuda import Cuda, open_cuda
from runtime.backends.tensorrt.streams import EngineStream, Tensors, profiles_of, tensors_of
from runtime.batch.batches import Batch, Packing
from runtime.bundle.certificate import Candidate, Device, Layout
from runtime.bundle.manifest import Engine, Profile, sm
from runtime.bundle.store import Bundle
from runtime.errors import BackendError, BundleError, UsageError
from runtime.system.gpu import Gpu, gpu

if TYPE_CHECKING:
    from runtime.system.machine import Machine

REBUILD = "run make export TENSORRT=1"
# One stream computes while the other's answer is copied out and its next batch is copied in.
STREAMS = 2
# Cells that a GPU computes in the time that one more launch costs; an estimate, which only chooses between covers.
_LAUNCH = 1024


class TensorRt:
    """An engine on the GPU.

    Args:
        path: the plan.
        layout: of its rows.
        streams: streams.
        vocabulary, positions: rows of the embedding tables; an engine reads out of bounds when an id leaves them.
        library: the module tensorrt, or tensorrt_rtx.
        cuda: the GPU.
        profiles: batches that it is run on; none: the largest one of each of the engine's profiles.
        contexts: makes the engine's contexts.

    Raises:
        BackendError: TensorRT cannot read the plan, or there is not enough memory.
        BundleError: it is not a token classifier.
    """

    device: Device = "cuda"

    def __init__(
        self,
        path: Path,
        *,
        layout: Layout,
        streams: int,
        vocabulary: int,
        positions: int,
        library: Runtime,
        cuda: Cuda,
        profiles: tuple[Profile, ...] = (),
        contexts: Callable[[Plan, Runtime], Contexts] = UserManagedContexts,
    ) -> None:
        self.version: str = library.__version__
        self.layout, self.streams = layout, streams
        self._path, self._tables = path, (vocabulary, positions)
        self._said: list[str] = []
        # An engine keeps its reader alive by itself (py::keep_alive<0, 1> in the bindings); the logger is ours to keep.
        self._logger = new_logger(library, self._said)
        self._reader = library.Runtime(self._logger)
        plan = self._reader.deserialize_cuda_engine(path.read_bytes())
        if plan is None:
            raise BackendError(path.name, f"TensorRT cannot read it ({why(self._said)})", REBUILD)
        tensors = tensors_of(plan, library, path.name)
        self._inputs = [tensor.name for tensor in tensors.inputs]
        self.profiles = profiles or profiles_of(plan, self._inputs[0])
        self.packing = packing_of(self.profiles)
        self._free: queue.SimpleQueue[EngineStream] = queue.SimpleQueue()
        self._streams: list[EngineStream] = []
        self._open_streams(plan, tensors, contexts(plan, library), cuda)

    def _open_streams(self, plan: Plan, tensors: Tensors, contexts: Contexts, cuda: Cuda) -> None:
        """As many streams as are asked for; all of them, or none."""
        preparing = threading.Lock()
        try:
            for _ in range(self.streams):
                made = EngineStream(
                    plan, tensors, self.profiles, contexts=contexts, cuda=cuda, said=self._said, preparing=preparing
                )
                self._streams.append(made)
                self._free.put(made)
        except BaseException:
            self.close()
            raise

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend.

        Raises:
            BackendError: no profile holds the batch, or the engine refused it.
        """
        vocabulary, positions = self._tables
        batch.check(vocabulary=vocabulary, positions=positions)
        rows, length = batch.input_ids.shape
        runs = cover(self.profiles, rows, length)
        stream = self._free.get()
        try:
            given, found, first = batch.named(self._inputs), [], 0
            for index in runs:
                part = slice(first, first + self.profiles[index].rows)
                found.append(stream.run(index, {name: array[part] for name, array in given.items()}))
                first = part.stop
            return found[0] if len(found) == 1 else np.concatenate(found)
        finally:
            self._free.put(stream)

    def close(self) -> None:
        """See Backend."""
        for stream in self._streams:
            stream.close()
        self._streams.clear()
        # Streams hold the engine, and with it the weights on the GPU.
        self._free = queue.SimpleQueue()


def packing_of(profiles: Sequence[Profile]) -> Packing:
    """The batches that an engine wants: of its lengths, and as large as its profiles."""
    lengths = tuple(sorted({profile.length for profile in profiles}))
    return Packing(
        shortest=lengths[0],
        slots=max(profile.rows * profile.length for profile in profiles),
        padded_rows=max(profile.rows for profile in profiles),
        padded_slots=max(profile.rows * profile.length for profile in profiles),
        lengths=lengths,
    )


@functools.lru_cache(maxsize=4096)
def cover(profiles: tuple[Profile, ...], rows: int, length: int) -> tuple[int, ...]:
    """Indices of the profiles that together hold a batch of that shape in the least time; one can come several times.

    An engine has few profiles, and what a profile has too many is computed for nothing: 64 rows take two runs of 32
    rather than one of 128. The time of a run is taken to be its token slots and _LAUNCH more.

    Args:
        profiles: of the engine.
        rows, length: of the batch.

    Raises:
        BackendError: no profile holds rows of that length.
    """
    longer = sorted({each.length for each in profiles if each.length >= length})
    if not longer:
        held = ", ".join(f"{each.rows} x {each.length}" for each in profiles)
        raise BackendError("engine", f"no profile holds a batch of {rows} x {length} (it has {held})", REBUILD)
    sizes = {each.rows: index for index, each in enumerate(profiles) if each.length == longer[0]}
    # The best cover of 0, 1, 2... rows: its cost and the rows of its runs.
    best: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for count in range(1, rows + 1):
        covers = ((best[max(0, count - size)], size) for size in sizes)
        best.append(min((cost + size * longer[0] + _LAUNCH, (size, *runs)) for (cost, runs), size in covers))
    return tuple(sizes[size] for size in sorted(best[rows][1], reverse=True))


def engine_obstacle(engine: Engine, here: Gpu, tensorrt: str) -> Obstacle | None:
    """Why a GPU cannot run an engine; None where it can.

    Args:
        engine: as the manifest holds it.
        here: this machine's GPU.
        tensorrt: version that is installed here.
    """
    same_gpu = (engine.gpu, engine.compute_capability) == (here.name, here.compute_capability)
    # A plan needs exactly the version that it was built with; only the bindings' build number may differ.
    if same_gpu and tensorrt.split(".")[:3] == engine.tensorrt.split(".")[:3]:
        return None
    has = f"{here.name} ({sm(here.compute_capability)}"
    has += ")" if not same_gpu else f", TensorRT {tensorrt or 'not installed'})"
    return Obstacle(f"engine for {engine.built_for}, this machine has {has}", REBUILD)


def open_engine(
    bundle: Bundle,
    candidate: Candidate,
    options: BackendOptions,
    *,
    here: Gpu | None,
    library: Runtime,
    cuda: Callable[[], Cuda],
) -> TensorRt:
    """The same with the GPU and the libraries given; CUDA is opened only where the engine is for this GPU."""
    manifest, engine = bundle.manifest, engine_of(bundle, candidate, fix=REBUILD)
    if here is None:
        raise BackendError("backend 'tensorrt'", "this machine has no NVIDIA GPU", "run it on one that has")
    if obstacle := engine_obstacle(engine, here, library.__version__):
        raise BackendError("backend 'tensorrt'", *obstacle)
    return TensorRt(
        bundle.file(engine.file),
        layout=engine.layout,
        streams=options.calls_on_gpu(STREAMS),
        vocabulary=manifest.vocabulary,
        positions=manifest.max_length,
        library=library,
        cuda=cuda(),
    )


def engine_of(bundle: Bundle, candidate: Candidate, *, fix: str) -> Engine:
    """The record of a candidate's engine.

    Raises:
        BundleError: the engine was built from another graph than the bundle's.
    """
    engine = bundle.engine_in(candidate.file)
    digest = bundle.manifest.files.get(engine.graph)
    if digest is None or digest.sha256 != engine.graph_sha256:
        raise BundleError(str(bundle.file(engine.file)), f"built from another {engine.graph}", fix)
    return engine


class EngineSpec:
    """What the specs of both kinds of TensorRT have in common; see BackendSpec for the attributes."""

    name: str
    device: Device = "cuda"
    summary: str
    preference: int
    library: str
    distributions: Sequence[str]
    extra: str
    row_lengths: tuple[tuple[int, ...], ...] = ()

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec."""
        engines = [one for one in bundle.manifest.engines if one.backend == self.name]
        return [Candidate(one.file, self.name, one.precision, self.device) for one in engines]

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return not_installed(self, here) or no_gpu(here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        if missing := self.missing(here):
            return missing
        found, version = here.gpu(), here.version(self.library, self.distributions)
        return self.misfit(bundle.engine_in(candidate.file), found, version) if found else no_gpu(here)

    def misfit(self, engine: Engine, here: Gpu, version: str) -> Obstacle | None:
        """Why an engine does not fit the GPU or the installed library; None where it does."""
        raise NotImplementedError

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> TensorRt:
        """See BackendSpec."""
        raise NotImplementedError


class _Spec(EngineSpec):
    """See BackendSpec."""

    name = "tensorrt"
    summary = "a TensorRT engine that export built for this GPU"
    preference = 50
    library = "tensorrt"
    distributions = ("tensorrt-cu13", "tensorrt-cu13-bindings", "tensorrt")
    extra = "gpu"

    def misfit(self, engine: Engine, here: Gpu, version: str) -> Obstacle | None:
        """See EngineSpec."""
        return engine_obstacle(engine, here, version)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> TensorRt:
        """See BackendSpec.

        Raises:
            BackendError: no GPU, another GPU than the engine's, another TensorRT, or not enough memory.
            BundleError: the engine was built from another graph than the bundle's.
        """
        if options.settings:
            subject = f"backend setting {next(iter(options.settings))!r}"
            raise UsageError(subject, "a TensorRT engine takes none once it is built", "leave it out")
        return open_engine(bundle, candidate, options, here=gpu(), library=open_trt(), cuda=open_cuda)


SPECS: tuple[BackendSpec, ...] = (_Spec(),)
