"""Single rows have compiled graphs of their own, which say what the graph for any length says."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from runtime.backends.base import BackendOptions
from runtime.backends.openvino_cpu import OpenVino
from runtime.backends.openvino_rows import FixedRows, factors_in_bf16, rounded_to_bf16
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, Candidate, open_bundle
from runtime.errors import BackendError, BugError
from runtime.system.cpu import has_bf16

openvino = pytest.importorskip("openvino")
LENGTHS = (8, 16)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def opened(bundle: Bundle, *, lengths: tuple[int, ...]) -> OpenVino:
    candidate = Candidate("packed-fp32.onnx", "openvino", "fp32", "cpu")
    backend = open_candidate(candidate, bundle, BackendOptions(threads=1, goal="latency", lengths=lengths))
    assert isinstance(backend, OpenVino)
    return backend


def batch(length: int, rows: int = 1) -> Batch:
    """Rows of two windows each."""
    ids = np.random.default_rng(length).integers(1, 90, (rows, length))
    segments = np.repeat([[0] * (length // 2) + [1] * (length - length // 2)], rows, axis=0)
    return Batch(ids, segments, np.repeat(np.arange(length)[None], rows, axis=0))


def test_rows_of_every_length_say_the_same(bundle: Bundle) -> None:
    fixed, any_length = opened(bundle, lengths=LENGTHS), opened(bundle, lengths=())
    # From long to short and back: what a row left behind must not be read by the next.
    for length in (16, 3, 8, 7, 9, 1, 16, 17, 40):
        for rows in (1, 2):
            said, expected = fixed.logits(batch(length, rows)), any_length.logits(batch(length, rows))
            assert said.shape == expected.shape
            np.testing.assert_allclose(said, expected, atol=2e-5)
    fixed.close()
    any_length.close()


def test_each_branch_says_what_a_model_of_its_length_says(bundle: Bundle) -> None:
    # OpenVINO tells nothing of what is inside a branch: that it computes in fp32 is seen by the last digit.
    core, path = openvino.Core(), bundle.file("packed-fp32.onnx")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1}
    rows = FixedRows(path, core, settings, LENGTHS, lambda: core.read_model(str(path)))
    for length in LENGTHS:
        model = core.read_model(str(path))
        model.reshape({port.get_any_name(): [1, length] for port in model.inputs})
        alone, given = core.compile_model(model, "CPU", settings), batch(length)
        expected = alone(given.named([port.get_any_name() for port in alone.inputs]))[0]
        assert np.array_equal(rows.logits(given), expected)
    if has_bf16():
        in_bf16 = FixedRows(
            path, core, {**settings, "INFERENCE_PRECISION_HINT": "bf16"}, LENGTHS, lambda: core.read_model(str(path))
        )
        assert not np.allclose(in_bf16.logits(given), expected, atol=2e-5)


@pytest.mark.parametrize("lengths", [(8,), (4, 8, 12, 16, 24)])
def test_any_number_of_lengths(bundle: Bundle, lengths: tuple[int, ...]) -> None:
    fixed, any_length = opened(bundle, lengths=lengths), opened(bundle, lengths=())
    for length in (*lengths, *reversed(lengths), 3):
        said, expected = fixed.logits(batch(length)), any_length.logits(batch(length))
        np.testing.assert_allclose(said, expected, atol=2e-5)
    fixed.close()
    any_length.close()


def test_numbers_are_rounded_to_the_nearest_in_bf16() -> None:
    numbers = np.array(
        [[0.0, -0.0, 1.0, 1 + 2**-8], [1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -3.14159265, 1e-30]], np.float32
    )
    # Each of the two ties goes to the even one of its neighbors: down, and up.
    expected = [[0x0000, 0x8000, 0x3F80, 0x3F80], [0x3F82, 0x3F81, 0xC049, 0x0DA2]]
    assert rounded_to_bf16(numbers).tolist() == expected
    many = np.tile(numbers, (20_000, 1))  # more than a block
    assert (rounded_to_bf16(many) == np.tile(expected, (20_000, 1))).all()


def test_factors_are_stored_in_bf16_and_say_the_same(bundle: Bundle) -> None:
    if not has_bf16():
        pytest.skip("this CPU does not compute in bf16")
    core, path = openvino.Core(), bundle.file("packed-fp32.onnx")
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1}
    said = []
    for stored_in_bf16 in (False, True):
        model, given = core.read_model(str(path)), batch(16)
        factors = factors_in_bf16(model) if stored_in_bf16 else 0
        kinds = [
            node.get_element_type().get_type_name() for node in model.get_ops() if node.get_type_name() == "Constant"
        ]
        assert kinds.count("bf16") == factors
        compiled = core.compile_model(model, "CPU", settings)
        said.append(compiled(given.named([port.get_any_name() for port in compiled.inputs]))[0])
    assert factors >= 2
    assert np.array_equal(*said)


def test_a_weight_that_is_not_finite_is_not_rounded() -> None:
    from openvino import Model, opset13

    given = opset13.parameter([1, 64], np.float32)
    weights = np.ones((64, 64), np.float32)
    for number, expected in ((1.0, 1), (np.nan, 0), (np.inf, 0)):
        weights[3, 5] = number
        model = Model([opset13.result(opset13.matmul(given, opset13.constant(weights.copy()), False, False))], [given])
        assert factors_in_bf16(model) == expected


def test_an_answer_stays_what_it_was(bundle: Bundle) -> None:
    backend = opened(bundle, lengths=LENGTHS)
    first = backend.logits(batch(8))
    kept = first.copy()
    backend.logits(batch(7))
    assert np.array_equal(first, kept)
    backend.close()


def test_threads_wait_for_each_other(bundle: Bundle) -> None:
    backend = opened(bundle, lengths=LENGTHS)
    expected = {length: backend.logits(batch(length)) for length in (5, 8, 12, 16, 20)}
    wrong: list[int] = []

    def ask() -> None:
        lengths = [*expected] * 10
        wrong.extend(n for n in lengths if not np.allclose(backend.logits(batch(n)), expected[n], atol=2e-5))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong
    backend.close()


def test_ids_are_checked_there_too(bundle: Bundle) -> None:
    backend = opened(bundle, lengths=LENGTHS)
    with pytest.raises(BugError):
        backend.logits(Batch(np.array([[bundle.manifest.vocabulary]]), np.array([[0]]), np.array([[0]])))
    backend.close()


def test_lengths_beyond_the_model_are_left_out(bundle: Bundle) -> None:
    backend = opened(bundle, lengths=(8, bundle.manifest.max_length + 8))
    longest = bundle.manifest.max_length
    assert backend.logits(batch(longest)).shape == (1, longest, len(bundle.manifest.labels))
    backend.close()


class Model:
    """A model that cannot be compiled for one length."""

    inputs: ClassVar[list[Any]] = []

    def clone(self) -> Model:
        return self

    def reshape(self, shapes: dict[str, list[int]]) -> None:
        raise RuntimeError("Exception from src/core/model.cpp:1:\nbroadcast of [1,8] and [1,9]")


def test_a_graph_that_cannot_have_a_fixed_length_is_an_error_in_one_line() -> None:
    with pytest.raises(BackendError, match=r"x\.onnx: OpenVINO cannot compile it for rows of 8") as raised:
        FixedRows(Path("x.onnx"), None, {}, (8,), Model)
    assert "cpp" not in str(raised.value)
