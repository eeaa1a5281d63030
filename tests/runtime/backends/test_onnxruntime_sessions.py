"""ONNX Runtime's sessions on a GPU. What is the same on the CPU runs here on its provider: streams, buffers, shapes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from runtime.backends.base import Backend, BackendOptions
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.backends.onnxruntime_cuda import Settings, cuda_provider, packing_on_gpu
from runtime.backends.onnxruntime_sessions import CPU, OnnxRuntimeOnGpu, kept_shapes
from runtime.backends.onnxruntime_streams import Provider, SessionStream
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch, SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import windows_of
from runtime.bundle.store import Bundle, Candidate, Layout, open_bundle
from runtime.errors import BackendError, BugError
from runtime.logits import token_logits
from runtime.system.gpu import gpu
from tests.runtime.backends.odd_graphs import renamed_input

ON_CPU = Provider(((CPU, {}),), "cpu", captures=False)
_SPECIAL_TOKENS = SpecialTokens((2,), (3,))
Open = Callable[[Layout], OnnxRuntimeOnGpu]


class Floor:
    """What fake sessions tell of each other: how many are inside, and how many were when one of them captured."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.captures: list[int] = []

    def visit(self, *, capturing: bool) -> None:
        """A run."""
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            before = self.inside
        time.sleep(0.01 if capturing else 0.001)
        with self.lock:
            if capturing:
                self.captures.append(max(before, self.inside))
            self.inside -= 1


class FakeSession:
    """A session whose first run of each annotation captures, as ONNX Runtime's does."""

    def __init__(self, floor: Floor | None = None, *, fails: str = "") -> None:
        self.floor, self.fails = floor or Floor(), fails
        self.seen: set[str] = set()

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="input_ids")]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="logits", type="tensor(float)")]

    def io_binding(self) -> SimpleNamespace:
        return SimpleNamespace(bind_input=lambda *_: None, bind_ortvalue_output=lambda *_: None)

    def run_with_iobinding(self, _: object, options: Any) -> None:
        if self.fails:
            raise RuntimeError(self.fails)
        number = options.get_run_config_entry("gpu_graph_id")
        self.floor.visit(capturing=number not in {*self.seen, "-1"})
        self.seen.add(number)


class CountedValue(onnxruntime.OrtValue):  # type: ignore[misc]  # the library has no types
    """A buffer that counts what is copied to it and from it: on a GPU, each is a call that waits for the GPU."""

    copied_in = 0
    copied_out = 0

    def update_inplace(self, np_arr: NDArray[np.generic]) -> None:
        CountedValue.copied_in += 1
        super().update_inplace(np_arr)

    def numpy(self) -> NDArray[np.float32]:
        CountedValue.copied_out += 1
        told: NDArray[np.float32] = super().numpy()
        return told


class CountedSession:
    """A real session that counts its runs."""

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(path), providers=[CPU])
        self.get_inputs, self.get_outputs = self._session.get_inputs, self._session.get_outputs
        self.io_binding = self._session.io_binding
        self.runs = 0

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        self.runs += 1
        self._session.run_with_iobinding(binding, options)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


@pytest.fixture
def options(tiny_model: Path) -> BackendOptions:
    return BackendOptions(threads=1, checkpoint=tiny_model, certified=False)


@pytest.fixture
def opened(bundle: Bundle) -> Iterator[Open]:
    """Opens the backend on the CPU's provider, with the layout's own graph."""
    made: list[OnnxRuntimeOnGpu] = []

    def opener(layout: Layout) -> OnnxRuntimeOnGpu:
        made.append(on_cpu(bundle, layout, ON_CPU))
        return made[-1]

    yield opener
    for backend in made:
        backend.close()


def on_cpu(
    bundle: Bundle, layout: Layout, provider: Provider, *, slots: int = 1024, warm: bool = False
) -> OnnxRuntimeOnGpu:
    """The backend with two streams."""
    manifest = bundle.manifest
    return OnnxRuntimeOnGpu(
        bundle.file(f"{layout}-fp32.onnx"),
        layout=layout,
        streams=2,
        packing=packing_on_gpu(layout, slots=slots, max_length=manifest.max_length),
        provider=provider,
        labels=len(manifest.labels),
        vocabulary=manifest.vocabulary,
        positions=manifest.max_length,
        warm=warm,
    )


def batch(rows: int, length: int, vocabulary: int) -> Batch:
    """One window a row, each of other tokens."""
    ids = np.random.default_rng(rows * length).integers(0, vocabulary, (rows, length))
    return Batch(ids, np.zeros_like(ids), np.tile(np.arange(length), (rows, 1)))


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_answers_are_those_of_the_plain_session(layout: Layout, opened: Open, bundle: Bundle) -> None:
    plain = OnnxRuntime(bundle.file(f"{layout}-fp32.onnx"), layout=layout, streams=1, threads=1)
    backend = opened(layout)
    # Some shapes are kept, some are filled up to a kept one, and some are neither.
    for rows, length in ((1, 64), (3, 64), (8, 64), (3, 64), (40, 64), (2, 17), (1, 1)):
        given = batch(rows, length, bundle.manifest.vocabulary)
        assert np.abs(backend.logits(given) - plain.logits(given)).max() < 1e-5
    plain.close()


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_texts_come_out_as_from_the_plain_backend(
    layout: Layout, opened: Open, bundle: Bundle, options: BackendOptions
) -> None:
    def answers(backend: Backend) -> NDArray[np.float32]:
        starts = starts_from_counts(np.random.default_rng(0).integers(1, 90, 200))
        ids = np.random.default_rng(1).integers(0, bundle.manifest.vocabulary, int(starts[-1]))
        windows = windows_of(starts, capacity=bundle.manifest.max_length - 2, stride=10)
        return token_logits(backend, ids, windows, _SPECIAL_TOKENS, labels=len(bundle.manifest.labels))

    plain = open_candidate(Candidate(f"{layout}-fp32.onnx", "onnxruntime", "fp32", "cpu"), bundle, options)
    assert np.abs(answers(opened(layout)) - answers(plain)).max() < 1e-5
    plain.close()


def test_an_answer_is_not_written_over_by_the_next(opened: Open, bundle: Bundle) -> None:
    backend = opened("packed")
    given = [batch(rows, 64, bundle.manifest.vocabulary) for rows in (2, 1, 4)]
    first = [backend.logits(each) for each in given]
    kept = [answer.copy() for answer in first]
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(backend.logits, given * 8))
    assert all(np.array_equal(answer, before) for answer, before in zip(first, kept))
    assert all(np.array_equal(answer, kept[number % 3]) for number, answer in enumerate(again))


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_a_batch_is_one_copy_in_one_run_and_one_copy_out(layout: Layout, bundle: Bundle) -> None:
    path = bundle.file(f"{layout}-fp32.onnx")
    session, plain = CountedSession(path), OnnxRuntime(path, layout=layout, streams=1, threads=1)
    stream = SessionStream(SimpleNamespace(OrtValue=CountedValue, RunOptions=onnxruntime.RunOptions))
    stream.open(lambda: session, ON_CPU, len(bundle.manifest.labels))
    # 17 tokens do not fill the place of an input, so that the next one begins behind a gap.
    given = [batch(rows, length, bundle.manifest.vocabulary) for rows, length in ((1, 64), (4, 64), (1, 64), (1, 17))]
    before = CountedValue.copied_in, CountedValue.copied_out
    for each in given:
        assert np.abs(stream.run(each, keep=True) - plain.logits(each)).max() < 1e-5
    stream.close()
    plain.close()
    assert session.runs == len(given)
    assert (CountedValue.copied_in - before[0], CountedValue.copied_out - before[1]) == (len(given), len(given))


def test_warm_captures_all_shapes_of_all_streams_when_it_opens(bundle: Bundle) -> None:
    assert kept_shapes(packing_on_gpu("packed", slots=256, max_length=128)) == [
        *((1, 64), (2, 64), (1, 128), (4, 64), (2, 128)),
    ]
    shapes = kept_shapes(packing_on_gpu("packed", slots=512, max_length=bundle.manifest.max_length))
    backend = on_cpu(bundle, "packed", ON_CPU, slots=512, warm=True)
    before = [dict(stream._buffers) for stream in backend._streams]
    assert [sorted(held) for held in before] == [sorted(shapes)] * 2
    # Every batch that texts are packed into finds its shape: nothing is left to capture.
    for rows in (1, 2, 3, 5, 8):
        for _ in range(4):
            backend.logits(batch(rows, 64, bundle.manifest.vocabulary))
    assert [stream._buffers for stream in backend._streams] == before
    backend.close()


def test_what_cannot_be_warmed_is_one_line_and_closes_the_streams(bundle: Bundle) -> None:
    beyond = Provider(((CPU, {}),), "nowhere", captures=False)
    with pytest.raises(BackendError, match=r"refused a batch of 1 x 64 .*Unsupported device type: nowhere"):
        on_cpu(bundle, "packed", beyond, slots=64, warm=True)


def test_ids_are_checked_before_they_reach_the_gpu(opened: Open, bundle: Bundle) -> None:
    beyond = np.full((1, 64), bundle.manifest.vocabulary)
    with pytest.raises(BugError, match="the table"):
        opened("packed").logits(Batch(beyond, np.zeros_like(beyond), np.zeros_like(beyond)))


def test_what_the_library_refuses_is_one_line(opened: Open, bundle: Bundle) -> None:
    backend = opened("packed")
    backend._streams[0]._session = backend._streams[1]._session = None
    with pytest.raises(BackendError, match=r"refused a batch of 3 x 64 .*; give the backend setting cuda_graph=0"):
        backend.logits(batch(3, 64, bundle.manifest.vocabulary))
    backend._streams[0]._session = backend._streams[1]._session = FakeSession(fails="CUDA failure 2: out of memory")
    with pytest.raises(BackendError, match=r"refused a batch of 3 x 64 .*give the backend setting slots=4096"):
        backend.logits(batch(3, 64, bundle.manifest.vocabulary))


def test_a_stream_captures_alone() -> None:
    floor = Floor()
    capturing = Provider(((CPU, {}),), "cpu", captures=True)
    streams = [SessionStream(onnxruntime) for _ in range(4)]
    for stream in streams:
        stream.open(lambda: FakeSession(floor), capturing, 3)

    def work(stream: SessionStream) -> None:
        for rows in (1, 2, 1, 4, 3, 2, 1):
            for length in (64, 128):
                assert stream.run(batch(rows, length, 50), keep=rows != 3).shape == (rows, length, 3)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, streams))
    for stream in streams:
        stream.close()
    assert floor.captures == [1] * 24  # three kept numbers of rows, two lengths, four streams
    assert floor.most > 1


def test_a_shape_whose_first_run_failed_is_captured_anew() -> None:
    stream, session = SessionStream(onnxruntime), FakeSession(fails="operation not permitted when stream is capturing")
    stream.open(lambda: session, Provider(((CPU, {}),), "cpu", captures=True), 3)
    with pytest.raises(RuntimeError, match="not permitted"):
        stream.run(batch(1, 64, 50), keep=True)
    session.fails = ""
    for _ in range(2):
        stream.run(batch(1, 64, 50), keep=True)
    stream.close()
    assert session.seen == {"2"}
    assert len(session.floor.captures) == 1


@pytest.mark.skipif(gpu() is not None, reason="this machine has a GPU")
def test_a_fall_back_to_the_cpu_is_an_error(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match=r"cannot load it for CUDA|fell back to CPUExecutionProvider"):
        on_cpu(bundle, "packed", cuda_provider(Settings()))


def test_a_graph_with_unknown_inputs_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = renamed_input(bundle.file("packed-fp32.onnx"), tmp_path / "odd.onnx", "position_ids", "bbox")
    with pytest.raises(BackendError, match=r"it has inputs that no token classifier has \(bbox\)"):
        OnnxRuntimeOnGpu(
            path,
            layout="packed",
            streams=1,
            packing=packing_on_gpu("packed", slots=64, max_length=64),
            provider=ON_CPU,
            labels=7,
            vocabulary=9,
            positions=64,
        )
