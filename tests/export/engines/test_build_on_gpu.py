"""On a GPU, with TensorRT: an engine of the tiny model is built, attested, run, and answers as its graph does."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from export.certify.attest.graph import attest_graph, macs_of
from export.certify.attest.tensorrt import attest_engine
from export.certify.attest.tensorrt_layers import layers_from_inspector
from export.engines.api import open_building
from export.engines.build import Built, engine_from_graph
from export.engines.build_progress import Phases
from export.engines.options import missing_library
from export.graphs.fp16 import fp16_from_graph
from export.graphs.shared_weights import share_weights
from export.quantize.activations import text_batches
from runtime.backends.tensorrt.api import open_trt
from runtime.backends.tensorrt.cuda import open_cuda
from runtime.backends.tensorrt.engine import TensorRt
from runtime.batch.batches import Batch
from runtime.bundle.manifest import Profile
from runtime.bundle.store import TOKENIZER, Graph
from runtime.encode.tokenizer import Encoder
from runtime.errors import BackendError
from runtime.system.gpu import gpu
from runtime.text.conll import read_conll

pytestmark = [pytest.mark.gpu, pytest.mark.tensorrt]
FP32 = Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids", "position_ids", "segment_ids"))
FP16 = replace(FP32, file="packed-fp16.onnx", precision="fp16")
_PROFILES = (Profile(8, 64), Profile(1, 64), Profile(2, 128))


@pytest.fixture(scope="module")
def engine(gpu_bundle: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Built]:
    """A folder with the fp16 graph, its weights apart as in a bundle, and the engine that TensorRT made of it."""
    here = gpu()
    if here is None:
        pytest.skip("this machine has no NVIDIA GPU")
    if missing := missing_library():
        pytest.skip(f"{missing} is not installed")
    folder = tmp_path_factory.mktemp("engine")
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    batches = text_batches(Encoder(gpu_bundle / TOKENIZER), sentences, max_length=64, most=2)
    fp16_from_graph(gpu_bundle / FP32.file, folder / FP16.file, FP32, batches, threads=1)
    share_weights([folder / FP16.file], folder / "weights.data")
    made = engine_from_graph(
        folder / FP16.file,
        folder / "packed-fp16.plan",
        FP16,
        profiles=_PROFILES,
        gpu=here,
        library=open_building(),
        cache=folder / "cache" / "kernel.timing",
        phases=Phases(),
    )
    return folder, made


def opened(folder: Path, streams: int = 2) -> TensorRt:
    return TensorRt(
        folder / "packed-fp16.plan",
        layout="packed",
        streams=streams,
        vocabulary=200,
        positions=64,
        library=open_trt(),
        cuda=open_cuda(),
    )


def batch(rows: int, length: int, seed: int) -> Batch:
    """Two windows a row, and some token slots that hold nothing."""
    ids = np.random.default_rng(seed).integers(5, 200, (rows, length))
    first, second = length // 2, length // 2 - 7
    segments = np.repeat([[0] * first + [1] * second + [-1] * 7], rows, axis=0)
    positions = np.repeat([[*range(first), *range(second), *[0] * 7]], rows, axis=0)
    ids[segments < 0] = 0
    return Batch(ids, segments, positions)


def differs(folder: Path, given: Batch, found: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """The largest difference to ONNX Runtime on the CPU, where there are tokens, over the largest logit."""
    session = onnxruntime.InferenceSession(str(folder / FP16.file), providers=["CPUExecutionProvider"])
    expected = session.run(None, given.named(FP16.inputs))[0]
    held = given.segment_ids >= 0
    return float(np.abs(found - expected)[held].max() / np.abs(expected).max())


@pytest.mark.parametrize("shape", [(8, 64), (1, 64), (3, 64), (20, 64), (2, 128), (1, 100)])
def test_it_answers_as_its_graph_does(engine: tuple[Path, Built], shape: tuple[int, int]) -> None:
    folder, _ = engine
    backend = opened(folder)
    for seed in range(3):  # the first prepares, the others launch the graph
        given = batch(*shape, seed)
        assert differs(folder, given, backend.logits(given)) < 0.02
    backend.close()


def test_threads_share_its_streams(engine: tuple[Path, Built]) -> None:
    folder, _ = engine
    backend = opened(folder)
    answers: dict[int, float] = {}

    def ask(seed: int) -> None:
        given = batch(1 + seed % 8, 64, seed)
        answers[seed] = max(differs(folder, given, backend.logits(given)) for _ in range(5))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.close()
    assert len(answers) == 8
    assert max(answers.values()) < 0.02


def test_a_row_alone_answers_as_among_others(engine: tuple[Path, Built]) -> None:
    """To the last few bits: kernels of different batches add up in different orders."""
    folder, _ = engine
    backend = opened(folder, streams=1)
    given = batch(8, 64, 0)
    alone = Batch(given.input_ids[2:3], given.segment_ids[2:3], given.position_ids[2:3])
    found, single = backend.logits(given)[2:3], backend.logits(alone)
    held = alone.segment_ids >= 0
    assert np.abs(found - single)[held].max() < 0.02 * np.abs(found).max()
    backend.close()


def test_the_inspector_tells_fp16(engine: tuple[Path, Built]) -> None:
    folder, made = engine
    graph = attest_graph(folder / FP16.file, FP16)
    attestation, counted = attest_engine(
        layers_from_inspector(made.inspected, "a plan"), made.engine, graph, macs_of(folder / FP16.file)
    )
    assert attestation.shares["fp16"] > 0.95
    assert counted.layers["fp16"] > 0


def test_a_truncated_plan_is_one_line(engine: tuple[Path, Built], tmp_path: Path) -> None:
    folder, _ = engine
    content = (folder / "packed-fp16.plan").read_bytes()
    (tmp_path / "packed-fp16.plan").write_bytes(content[: len(content) // 2])
    with pytest.raises(BackendError, match="TensorRT cannot read it"):
        opened(tmp_path)
