"""Backend openvino: graphs of both layouts in OpenVINO, Intel's library, which also runs on other makers' CPUs.

The graph is compiled once, for any number and length of rows. Compiling it for each shape was measured, too: batches
gained less than 1%. A single short row takes half the time, so goal="latency" compiles a few lengths besides (see
runtime.backends.openvino_rows). Where it pays off, the compiled graph is kept in a folder of the user's (see
cache_folder), which may be deleted at any time.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import BackendOptions, BackendSpec, Obstacle, not_installed, refuse_settings
from runtime.backends.onnx_graphs import GraphCandidates
from runtime.backends.openvino_cache import CompiledCache, worth_keeping
from runtime.backends.openvino_residual import BF16, NORMALIZATION, RULE, read_graph
from runtime.backends.openvino_rows import AnyRows, FixedRows, reason, refusal, with_int32
from runtime.backends.openvino_shapes import Requests, copies_of, worth_it
from runtime.batch.batches import Batch, on_cpu
from runtime.bundle.store import Bundle, Candidate, Device, Graph, Layout, Precision
from runtime.errors import BackendError, NerveError
from runtime.system.cache import cache_folder
from runtime.system.cpu import has_bf16

if TYPE_CHECKING:
    from runtime.system.machine import Machine

# The precision that OpenVINO is told to compute in. Untold, it computes in bf16 wherever the CPU can.
_HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16"}
_CONVERTING = threading.Lock()
NOT_NEEDED = ("openvino.tools.ovc",)
"""What OpenVINO imports along where it can: its converter of models, with ssl, http and telemetry. It is half of the
time of `import openvino`, and running a graph needs none of it. `python -m runtime.tag` leaves it out; in a program
that uses Nerve as a library it is not ours to take away."""
_PRODUCTS = frozenset({"FullyConnected", "MatMul"})


class OpenVino:
    """A graph on the CPU.

    Args:
        path: the ONNX file.
        precision: precision to compute in.
        layout: layout of the graph's rows.
        streams: number of calls that run at the same time. Each has its own memory for activations; all share the
            weights.
        threads: number of threads of all streams together.
        rest_in_bf16: compute the floating-point part of an int8 graph (normalizations, softmax) in bf16.
        residual_in_fp32: keep the residual stream in fp32 in all that is computed in bf16; see
            runtime.backends.openvino_residual.
        vocabulary, positions: numbers of rows of the embedding tables. Ids and positions are checked against them:
            OpenVINO would read out of bounds without an error.
        cache: folder for the compiled graph; empty: it is not kept.
        slots: see BackendOptions.
        lengths: of single rows that the graph is compiled for by themselves, rising; see BackendOptions.
        shapes: of single rows that copies of the graph are kept ready for, at least as many as streams; 0: none.
            Batches of several rows run on the graph itself, whose streams share the weights.

    Raises:
        ModuleNotFoundError: openvino is not installed.
        BackendError: OpenVINO cannot load the graph, or computes in another precision than it was told to.
    """

    device: Device = "cpu"

    def __init__(
        self,
        path: Path,
        *,
        precision: Precision,
        layout: Layout,
        streams: int,
        threads: int,
        vocabulary: int,
        positions: int,
        cache: str,
        rest_in_bf16: bool = False,
        residual_in_fp32: bool = True,
        lengths: Sequence[int] = (),
        slots: int = 0,
        shapes: int = 0,
    ) -> None:
        import openvino

        _convert_one_array(openvino)
        self.version: str = openvino.__version__.partition("-")[0]
        self.layout, self.streams, self.packing = layout, streams, on_cpu(slots)
        self._path, self._tables = path, (vocabulary, positions)
        hint = hint_of(precision, rest_in_bf16=rest_in_bf16)
        settings = _settings(hint, streams=streams, threads=threads)
        in_fp32 = residual_in_fp32 and hint == BF16
        name = f"{path.name}, int32" + (f", residual in fp32 by rule {RULE}" if in_fp32 else "")
        self._kept, core = CompiledCache(cache, name, settings, openvino.__version__), openvino.Core()
        # Once, if at all: where the compiled graph is not kept, it and the rows of one length are of one model.
        read = functools.cache(lambda: with_int32(read_graph(core, path, settings, residual_in_fp32=in_fp32)))
        self._compiled, memory = _compiled(path, core, settings, self._kept, read)
        _check_precision(precision, path, self._compiled, residual_in_fp32=in_fp32)
        copies, self._memory = _copies(path, core, self._compiled, memory, _of_one(settings), count=1 + shapes)
        self._fixed = FixedRows(path, core, settings, lengths, read)
        # Batches of many rows would find weights of their own in each copy, and none of them in the CPU's cache.
        self._requests = _requests([self._compiled] * streams, calls=streams)
        self._rows = _requests(copies[1:], calls=streams) if shapes else self._requests

    @property
    def is_new(self) -> bool:
        """See runtime.backends.base.Keeping."""
        return self._kept.lacks_it

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        vocabulary, positions = self._tables
        batch.check(vocabulary=vocabulary, positions=positions)
        if self._fixed.holds(batch):
            return self._fixed.logits(batch)
        try:
            requests = self._rows if len(batch.input_ids) == 1 else self._requests
            return requests.run(batch.input_ids.shape, lambda request: request.logits(batch))
        except Exception as error:
            raise refusal(self._path, batch, error) from error

    def keep(self) -> None:
        """See runtime.backends.base.Keeping."""
        if self.is_new:
            self._kept.store(self._compiled)

    def forget(self) -> None:
        """See runtime.backends.base.Keeping."""
        self._kept.remove()

    def close(self) -> None:
        """See Backend."""
        del self._requests, self._rows, self._compiled, self._fixed
        self._memory = None  # the compiled model lived in it


def _settings(hint: str, *, streams: int, threads: int) -> dict[str, Any]:
    """All that OpenVINO is told."""
    return {
        "INFERENCE_PRECISION_HINT": hint,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # a pinned thread stands still when another process takes its CPU
    }


def _of_one(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a model that is one stream, with its share of the threads."""
    share = max(1, settings["INFERENCE_NUM_THREADS"] // settings["NUM_STREAMS"])
    return {**settings, "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": share}


def _requests(models: Sequence[Any], *, calls: int) -> Requests:
    """A request of each model; it holds the memory of a stream."""
    inputs = [port.get_any_name() for port in models[0].inputs]
    return Requests([AnyRows(each.create_infer_request(), inputs) for each in models], calls=calls)


def _check_precision(precision: Precision, path: Path, compiled: Any, *, residual_in_fp32: bool) -> None:
    """Check that the matrix multiplications of a compiled graph run in the precision asked for, and the rest, too."""
    # OpenVINO takes its hint as a wish. In int8 the graph itself says which multiplications are quantized.
    wanted = {"fp32": {"f32"}, "bf16": {"bf16"}}.get(precision)
    executed = executed_precisions(compiled)
    if not executed:
        problem = "no matrix multiplication in it, so that OpenVINO does not tell in which precision it computes"
        raise BackendError(path.name, problem, "give a graph of a token classifier, or choose another backend")
    if wanted is not None and executed != wanted:
        problem = f"OpenVINO computes in {', '.join(sorted(executed))} and not in {precision}"
        raise BackendError(path.name, problem, "choose another precision")
    if residual_in_fp32 and executed_precisions(compiled, frozenset({NORMALIZATION})) - {"f32"}:
        problem = "this OpenVINO computes normalizations in bf16 where it is told fp32"
        raise BackendError(path.name, problem, "choose another precision or backend")


def _compiled(
    path: Path, core: Any, settings: Mapping[str, Any], kept: CompiledCache, read: Callable[[], Any]
) -> tuple[Any, Any]:
    """The compiled model, from the cache where it is kept, and the memory that it lies in there.

    Raises:
        BackendError: OpenVINO cannot load the graph, or there is no space to mark it.
    """
    try:
        compiled, memory = kept.load(core, settings)
        if compiled is None:
            compiled = core.compile_model(read(), "CPU", settings)
    except NerveError:
        raise
    except Exception as error:  # the library derives its exceptions from RuntimeError, and some from Exception
        raise BackendError(path.name, f"OpenVINO cannot load it ({reason(error)})", "export it again") from error
    return compiled, memory


def _copies(
    path: Path, core: Any, compiled: Any, memory: Any, settings: Mapping[str, Any], *, count: int
) -> tuple[list[Any], Any]:
    """See copies_of.

    Raises:
        BackendError: OpenVINO cannot copy what it compiled, as where memory is short.
    """
    try:
        return copies_of(core, compiled, memory, settings, count=count)
    except Exception as error:  # see _compiled
        problem = f"OpenVINO cannot make {count - 1} copies of it ({reason(error)})"
        raise BackendError(path.name, problem, "ask for no copies, or for fewer (shapes)") from error


def _convert_one_array(openvino: Any) -> None:
    """Make OpenVINO's table of types on this thread, before several threads bring batches.

    OpenVINO makes the table when it converts its first array. Two threads that do so at once can wait for each other
    forever: one holds Python's interpreter lock, the other the table's (OpenVINO 2026.4: one fresh process in eight
    hung at its first batches).
    """
    with _CONVERTING:
        dtype = openvino.Type.i64.to_dtype()
        _ = openvino.Tensor(np.zeros(1, dtype), shared_memory=True).data


def hint_of(precision: Precision, *, rest_in_bf16: bool) -> str:
    """OpenVINO's name of the precision that it is told to compute in."""
    return _HINTS.get(precision, "bf16" if rest_in_bf16 else "f32")


def has_rest_in_bf16(graph: Graph) -> bool:
    """Whether this CPU computes the floating-point part of an int8 graph in bf16, where no certificate forbids it."""
    # A graph with 7-bit weights is made to answer alike on every CPU, with bf16 or without.
    return has_bf16() and not graph.seven_bit


def executed_precisions(compiled: Any, kinds: Collection[str] = _PRODUCTS) -> set[str]:
    """The precisions in which a compiled model's matrix multiplications (or layers of other kinds) run, by OpenVINO's
    names, such as "f32"."""
    told: list[Mapping[str, Any]] = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    return {str(info["runtimePrecision"].value) for info in told if str(info["layerType"].value) in kinds}


class _Spec:
    """See BackendSpec."""

    name = "openvino"
    device: Device = "cpu"
    summary = "OpenVINO on the CPU: the fastest there, in fp32, bf16 and int8"
    preference = 20
    library = "openvino"
    distributions = ("openvino",)
    extra = "openvino"
    # Those of bundles whose rows had compiled models of their own, and other last digits, are none of these.
    row_lengths: tuple[tuple[int, ...], ...] = (
        (16, 32, 128),
        (8, 16, 32, 64, 128),
        (8, 16, 24, 32, 48, 64, 96, 128),
    )
    _graphs: ClassVar = GraphCandidates(
        backend="openvino", device="cpu", runs={"fp32": ("fp32", "bf16"), "int8": ("int8",)}, layouts=("packed",)
    )

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec."""
        return self._graphs.of(bundle)

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return not_installed(self, here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        if missing := self.missing(here):
            return missing
        if candidate.precision == "bf16" and "bf16" not in here.cpu_features():
            return Obstacle("this CPU does not compute in bf16", "choose another precision")
        return None

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> OpenVino:
        """See BackendSpec. For throughput every thread is a stream; otherwise one stream has all threads."""
        refuse_settings(self, options)
        graph, manifest = bundle.graph_in(candidate.file), bundle.manifest
        # A certificate that was measured with fp32 in the rest holds for fp32 alone, also on a CPU with bf16.
        may_be_bf16 = not options.certified or "bf16" in bundle.certificate(candidate).cpu_requirements
        residual_in_fp32 = not options.certified or bundle.certificate(candidate).residual_in_fp32
        # A bundle may hold much more: engines of GPUs, graphs of other candidates.
        files = bundle.certificate(candidate).files if options.certified else manifest.files
        size = sum(manifest.files[name].bytes for name in files)
        is_kept = worth_keeping(candidate.precision, graph_bytes=size)
        return OpenVino(
            bundle.file(graph.file),
            precision=candidate.precision,
            layout=graph.layout,
            streams=options.calls,
            threads=options.threads,
            vocabulary=manifest.vocabulary,
            positions=manifest.max_length,
            cache=cache_folder("openvino", manifest, os.environ) if is_kept else "",
            rest_in_bf16=has_rest_in_bf16(graph) and may_be_bf16,
            residual_in_fp32=residual_in_fp32,
            slots=options.slots,
            lengths=[length for length in options.lengths if length <= manifest.max_length],
            shapes=worth_it(options.shapes, streams=options.calls, graph_bytes=size),
        )


SPECS: tuple[BackendSpec, ...] = (_Spec(),)
