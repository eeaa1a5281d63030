"""Streams of ONNX Runtime on a GPU: copies, captures, buffers. Here on the CPU's provider, or with fake sessions."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.backends.onnxruntime_sessions import CPU
from runtime.backends.onnxruntime_streams import Provider, SessionStream
from runtime.bundle.store import Layout, open_bundle
from tests.fakes.sessions import ON_CPU, FakeSession, Floor, batch
from tests.waiting import PATIENCE


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


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_a_batch_is_one_copy_in_one_run_and_one_copy_out(layout: Layout, tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
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


def test_a_stream_captures_alone() -> None:
    floor, together = Floor(), threading.Barrier(4)
    capturing = Provider(((CPU, {}),), "cpu", captures=True)
    streams = [SessionStream(onnxruntime) for _ in range(4)]
    for stream in streams:
        stream.open(lambda: FakeSession(floor), capturing, 3)

    def work(stream: SessionStream) -> None:
        together.wait(PATIENCE)
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
