"""What holds for every backend: the checkpoint's logits, from any thread, whatever shares a batch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.base import Backend, BackendOptions, Goal
from runtime.backends.registry import backend_names, open_candidate
from runtime.batch.batches import Batch, SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import Windows, windows_of
from runtime.bundle.certificate import Candidate, Wanted
from runtime.bundle.store import Bundle, Precision, open_bundle
from runtime.errors import BackendError, BundleError
from runtime.logits import token_logits
from runtime.selection import candidates, choose
from runtime.system.cpu import has_bf16
from runtime.system.libraries import installed_version

SPECIAL_TOKENS = SpecialTokens((2,), (3,))
# backend, precision, file; and how far a logit may be from the same text alone: 0 is bit for bit.
KINDS: dict[str, tuple[str, Precision, str, float]] = {
    "onnxruntime padded": ("onnxruntime", "fp32", "padded-fp32.onnx", 1e-5),
    "onnxruntime packed": ("onnxruntime", "fp32", "packed-fp32.onnx", 1e-5),
    "openvino fp32": ("openvino", "fp32", "packed-fp32.onnx", 1e-5),
    "openvino bf16": ("openvino", "bf16", "packed-fp32.onnx", 0.02),
    "pytorch": ("pytorch", "fp32", "", 1e-5),
}


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


@pytest.fixture
def options(tiny_model: Path) -> BackendOptions:
    return BackendOptions(threads=2, checkpoint=tiny_model, certified=False)


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, bundle: Bundle, options: BackendOptions) -> Iterator[tuple[Backend, float]]:
    """Each backend, and how far its logits may be from those of a text alone."""
    name, precision, file, tolerance = KINDS[request.param]
    if not installed_version({"pytorch": "torch"}.get(name, name)):
        pytest.skip(f"{name} is not installed")
    if precision == "bf16" and not has_bf16():
        pytest.skip("this CPU does not compute in bf16")
    backend = open_candidate(Candidate(file, name, precision, "cpu"), bundle, options)
    yield backend, tolerance
    backend.close()


def texts(vocabulary: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Windows]:
    """Tokens of many texts, where each starts, and their windows."""
    chance = np.random.default_rng(0)
    starts = starts_from_counts(chance.integers(1, 30, 150))
    ids = chance.integers(0, vocabulary, int(starts[-1]))
    return ids, starts, windows_of(starts, capacity=62, stride=10)


def test_every_candidate_of_a_bundle_is_tested(bundle: Bundle) -> None:
    tested = {(name, precision, file) for name, precision, file, _ in KINDS.values()}
    assert {(one.backend, one.precision, one.file) for one in candidates(bundle)} <= tested


def test_a_text_gets_what_it_gets_alone(opened: tuple[Backend, float], bundle: Bundle) -> None:
    backend, tolerance = opened
    ids, starts, windows = texts(bundle.manifest.vocabulary)
    labels = len(bundle.manifest.labels)
    together = token_logits(backend, ids, windows, SPECIAL_TOKENS, labels=labels)
    for text in range(0, 150, 10):
        own = ids[starts[text] : starts[text + 1]]
        window = windows_of(np.array([0, len(own)]), capacity=62, stride=10)
        alone = token_logits(backend, own, window, SPECIAL_TOKENS, labels=labels)
        assert np.abs(together[starts[text] : starts[text + 1]] - alone).max() <= tolerance


def test_a_row_gets_the_same_bits_in_every_batch_of_one_length(opened: tuple[Backend, float], bundle: Bundle) -> None:
    backend, _ = opened
    chance = np.random.default_rng(1)
    ids = chance.integers(0, bundle.manifest.vocabulary, (8, 64))
    batch = Batch(ids, np.zeros_like(ids), np.tile(np.arange(64), (8, 1)))
    whole = backend.logits(batch)
    for rows in (slice(2, 6), slice(5, 8), slice(0, 8)):
        part = Batch(ids[rows], batch.segment_ids[rows], batch.position_ids[rows])
        assert np.array_equal(backend.logits(part), whole[rows])


def test_threads_do_not_disturb_each_other(opened: tuple[Backend, float], bundle: Bundle) -> None:
    backend, _ = opened
    chance = np.random.default_rng(2)
    batches = []
    for length in (5, 64, 17, 33, 64, 8):
        ids = chance.integers(0, bundle.manifest.vocabulary, (3, length))
        batches.append(Batch(ids, np.zeros_like(ids), np.tile(np.arange(length), (3, 1))))
    expected = [backend.logits(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(backend.logits, batches * 10))
    assert all(np.array_equal(each, expected[number % len(batches)]) for number, each in enumerate(found))


def test_same_texts_give_the_same_bits_each_time(opened: tuple[Backend, float], bundle: Bundle) -> None:
    backend, _ = opened
    ids, _, windows = texts(bundle.manifest.vocabulary)
    one, two = (
        token_logits(backend, ids, windows, SPECIAL_TOKENS, labels=len(bundle.manifest.labels)) for _ in range(2)
    )
    assert np.array_equal(one, two)


@pytest.mark.parametrize(("goal", "streams"), [("throughput", 2), ("latency", 1), ("once", 1)])
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_goal_decides_on_streams(name: str, goal: Goal, streams: int, bundle: Bundle, options: BackendOptions) -> None:
    if not installed_version(name):
        pytest.skip(f"{name} is not installed")
    chosen = choose(bundle, Wanted(backend=name, precision="fp32", device="cpu"))
    backend = open_candidate(chosen, bundle, replace(options, goal=goal))
    assert backend.streams == streams
    backend.close()


def test_unknown_backend_lists_those_that_there_are(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match=f"unknown; choose one of auto, {', '.join(backend_names())}"):
        choose(bundle, Wanted(backend="bogus"))


def test_unknown_precision_lists_what_there_is(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="no candidate onnxruntime in int8"):
        choose(bundle, Wanted(backend="onnxruntime", precision="int8"))


@pytest.mark.parametrize(("goal", "asked", "calls"), [("throughput", 0, 3), ("latency", 0, 1), ("latency", 2, 2)])
def test_streams_that_are_asked_for_are_had_on_a_gpu_too(goal: Goal, asked: int, calls: int) -> None:
    assert BackendOptions(threads=4, goal=goal, streams=asked).calls_on_gpu(3) == calls
