"""ONNX Runtime's sessions on a GPU. What is the same on the CPU runs here on its provider: streams, buffers, shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.base import Backend, BackendOptions
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.backends.onnxruntime_cuda import Settings, cuda_provider, packing_on_gpu
from runtime.backends.onnxruntime_sessions import CPU, OnnxRuntimeOnGpu, kept_shapes
from runtime.backends.onnxruntime_streams import Provider
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch, SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import windows_of
from runtime.bundle.store import Bundle, Candidate, Layout, open_bundle
from runtime.errors import BackendError, BugError
from runtime.logits import token_logits
from runtime.system.gpu import gpu
from tests.fakes.sessions import ON_CPU, FakeSession, batch
from tests.runtime.backends.odd_graphs import renamed_input

_SPECIAL_TOKENS = SpecialTokens((2,), (3,))
Open = Callable[[Layout], OnnxRuntimeOnGpu]


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
