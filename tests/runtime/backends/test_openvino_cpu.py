"""Backend openvino: it checks what the library does not, and holds it to the precision that it was told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.base import BackendOptions
from runtime.backends.openvino_cpu import OpenVino, executed_precisions
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, Candidate, Precision, open_bundle
from runtime.concurrency import in_order
from runtime.errors import BackendError, BugError
from runtime.system.cpu import CpuFeature, has_bf16
from tests.conftest import ROOT

openvino = pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def opened(
    path: Path,
    *,
    precision: Precision = "fp32",
    vocabulary: int = 100,
    cache: str = "",
    streams: int = 1,
    shapes: int = 0,
) -> OpenVino:
    """The backend on a file."""
    return OpenVino(
        path,
        precision=precision,
        layout="packed",
        streams=streams,
        threads=streams,
        vocabulary=vocabulary,
        positions=64,
        cache=cache,
        shapes=shapes,
    )


def batch(ids: list[int], first: int = 0) -> Batch:
    """One row with one window."""
    return Batch(np.array([ids]), np.zeros((1, len(ids)), np.int64), np.arange(first, first + len(ids))[None])


def test_ids_are_checked_before_they_reach_it(bundle: Bundle) -> None:
    backend = opened(bundle.file("packed-fp32.onnx"))
    backend.logits(batch([0, 99]))
    for wrong in (batch([0, 100]), batch([-1]), batch([1, 2], first=63)):
        with pytest.raises(BugError):
            backend.logits(wrong)
    assert np.isfinite(backend.logits(batch([5]))).all()
    backend.close()


def test_rows_of_one_length_get_the_answers_of_a_fresh_one_whatever_came_between(bundle: Bundle) -> None:
    path = bundle.file("packed-fp32.onnx")
    backend = opened(path)
    rows = [batch([5, 6, 7]), batch([8, 9]), batch([9, 8, 7]), batch([5, 6, 7])]
    two = Batch(*(np.tile(array, (2, 1)) for array in (rows[0].input_ids, rows[0].segment_ids, rows[0].position_ids)))
    said = []
    for row in rows:
        said += [backend.logits(row), backend.logits(two)]
    backend.close()
    for row, answer, both in zip(rows, said[::2], said[1::2]):
        fresh = opened(path)
        np.testing.assert_array_equal(answer, fresh.logits(row))
        np.testing.assert_array_equal(both, fresh.logits(two))
        fresh.close()


def test_fp32_is_computed_in_fp32(bundle: Bundle) -> None:
    compiled = openvino.Core().compile_model(str(bundle.file("packed-fp32.onnx")), "CPU")
    told = openvino.Core().compile_model(
        str(bundle.file("packed-fp32.onnx")), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    assert executed_precisions(told) == {"f32"}
    if has_bf16():
        # The reason why it has to be told.
        assert executed_precisions(compiled) == {"bf16"}


def test_what_int8_leaves_in_floating_point_is_computed_as_certified(bundle: Bundle) -> None:
    every: dict[tuple[CpuFeature, ...], str] = {(): "f32", ("bf16",): "bf16"}
    for needs, rest in every.items():
        if needs and not has_bf16():
            continue
        # The file is of fp32; what it is called decides what the engine is told.
        graph = replace(bundle.graph("fp32"), file="packed-fp32.onnx", precision="int8", layout="packed")
        candidate = Candidate(graph.file, "openvino", "int8", "cpu")
        certificate = replace(bundle.manifest.certificates[0], file=graph.file, backend="openvino", precision="int8")
        manifest = replace(
            bundle.manifest, graphs=(graph,), certificates=(replace(certificate, cpu_requirements=needs, device="cpu"),)
        )
        options = BackendOptions(threads=1)
        backend = open_candidate(candidate, replace(bundle, manifest=manifest), options)
        assert isinstance(backend, OpenVino)
        told = backend._compiled.get_property("INFERENCE_PRECISION_HINT")
        backend.close()
        assert told.get_type_name() == rest


def test_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "packed.onnx").write_bytes(b"not a graph")
    with pytest.raises(BackendError, match="OpenVINO cannot load it") as caught:
        opened(tmp_path / "packed.onnx")
    assert ".cpp" not in str(caught.value)


def test_what_was_compiled_is_kept(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.file("packed-fp32.onnx")
    given = batch([5, 6, 7])
    first = opened(path, cache=str(tmp_path))
    expected = first.logits(given)
    assert first.is_new
    assert not list(tmp_path.iterdir())
    first.keep()
    first.close()
    assert list(tmp_path.iterdir())
    second = opened(path, cache=str(tmp_path))
    assert not second.is_new
    assert np.array_equal(second.logits(given), expected)
    second.close()


@pytest.mark.parametrize("cached", [False, True])
def test_copies_for_shapes_answer_as_the_one_graph(bundle: Bundle, tmp_path: Path, cached: bool) -> None:
    path = bundle.file("packed-fp32.onnx")
    given = [batch([5 + number for number in range(length)]) for length in (3, 16, 5, 16, 40, 3)]
    one = opened(path)
    expected = [one.logits(each) for each in given]
    one.close()
    for _ in range(1 + cached):  # the second is made of what the first left in its cache
        several = opened(path, streams=2, shapes=3, cache=str(tmp_path) if cached else "")
        found = list(in_order(several.logits, given, workers=2))
        several.keep()
        several.close()
        assert all(map(np.array_equal, found, expected))


@pytest.mark.slow
def test_two_streams_answer_as_one_whatever_shapes_they_meet(bundle: Bundle) -> None:
    """Rows of every length, each new to the engine when two streams meet it, again and again: bit for bit the same."""
    chance = np.random.default_rng(0)
    given = [batch(chance.integers(5, 100, length).tolist()) for length in range(3, 65)]
    path = bundle.file("packed-fp32.onnx")

    def answers(order: list[int], *, streams: int) -> list[NDArray[np.float32]]:
        engine = opened(path, streams=streams)
        found = list(in_order(engine.logits, [given[index] for index in order], workers=streams))
        engine.close()
        return found

    expected = answers([*range(len(given))], streams=1)
    for _ in range(100):
        order = chance.permutation(len(given)).tolist()
        for index, logits in zip(order, answers(order, streams=2)):
            assert np.array_equal(expected[index], logits), f"a row of {given[index].input_ids.shape[1]}"


_FIRST_BATCHES = """
import sys, threading
from pathlib import Path
import numpy as np
from runtime.backends.openvino_cpu import OpenVino
from runtime.batch.batches import Batch
engine = OpenVino(Path(sys.argv[1]), precision="fp32", layout="packed", streams=2, threads=2, vocabulary=99,
                  positions=8, cache="")
zero = np.zeros((1, 8), np.int64)
together = threading.Barrier(2)
def answer():
    together.wait()
    engine.logits(Batch(zero, zero, zero))
threads = [threading.Thread(target=answer) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.slow
def test_first_batches_on_two_threads_do_not_wait_for_each_other(bundle: Bundle) -> None:
    # Without _convert_one_array one process in eight hung: here the chance to miss that is one in two hundred.
    for _ in range(40):
        line = [sys.executable, "-c", _FIRST_BATCHES, str(bundle.file("packed-fp32.onnx"))]
        subprocess.run(line, cwd=ROOT, check=True, timeout=60)
