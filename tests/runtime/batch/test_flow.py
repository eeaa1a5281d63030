"""How many texts are worked on at a time: as before on a CPU, more on a GPU, and the answers are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.backends.fake import Fake
from runtime.backends.onnxruntime_cuda import packing_on_gpu
from runtime.batch.batches import Packing
from runtime.batch.flow import Flow, flow_of
from runtime.bundle.store import Device
from runtime.encode.tokenizer import Encoder
from runtime.tagger import CHUNK, Tagger
from tests.nasty import varied_sentences
from tests.tiny import tiny_checkpoint

_LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "model")


class _OnGpu(Fake):
    """What stands in for a backend on a GPU: large batches of a few shapes."""

    device: Device = "cuda"


def _on_gpu(slots: int = 8192, streams: int = 2) -> _OnGpu:
    packing = packing_on_gpu("packed", slots=slots, max_length=64)
    return _OnGpu(len(_LABELS), lambda ids: ids % 5, layout="packed", streams=streams, packing=packing)


def _tagger(tiny: Path, backend: Fake) -> Tagger:
    return Tagger(Encoder(tiny / "tokenizer.json"), _LABELS, backend, max_length=64, vocabulary=2000)


def test_a_cpu_has_two_workers_whatever_its_streams_are() -> None:
    assert flow_of(Packing(slots=8192), streams=16, on_gpu=False) == Flow(2, 1)


@pytest.mark.parametrize(("slots", "streams", "expected"), [(8192, 2, Flow(4, 4)), (32768, 1, Flow(3, 16))])
def test_a_gpu_has_a_worker_for_each_stream_and_chunks_for_its_batches(
    slots: int, streams: int, expected: Flow
) -> None:
    assert flow_of(Packing(slots=slots), streams=streams, on_gpu=True) == expected


def test_a_gpu_with_small_batches_has_chunks_as_a_cpu() -> None:
    assert flow_of(Packing(slots=512), streams=1, on_gpu=True).growth == 1


def test_answers_are_the_same_and_batches_are_fewer(tiny: Path) -> None:
    texts = varied_sentences(6 * CHUNK + 5, seed=3)
    words = [text.split() for text in texts]
    small, large = Fake(len(_LABELS), lambda ids: ids % 5, layout="packed"), _on_gpu()
    on_cpu, on_gpu = _tagger(tiny, small), _tagger(tiny, large)
    assert on_gpu.tag(texts) == on_cpu.tag(texts)
    assert on_gpu.tag_words(words) == on_cpu.tag_words(words)
    # Rows of one length, and two batches at most for the rest of each of four chunks.
    assert max(rows for rows, _ in large.shapes) <= 128
    assert len(large.shapes) < len(small.shapes) / 5


def test_reading_ahead_is_bounded_on_a_gpu_too(tiny: Path) -> None:
    tagger, read = _tagger(tiny, _on_gpu(streams=1)), 0

    def source() -> Iterator[str]:
        nonlocal read
        for text in varied_sentences(900, seed=5):
            read += 1
            yield text

    for number, _ in enumerate(tagger.stream(source(), chunk=10)):
        assert read <= number + 3 * 3 * 40
    read = 0
    for number, _ in enumerate(tagger.stream(source(), chunk=1)):
        assert read == number + 1
