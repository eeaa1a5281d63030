"""Our candidates: named from certificates, watched from outside."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.systems.nerve import nerve_specs, split_of
from bench.systems.stopwatch import WatchedBackend
from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, Certificate, Graph, Layout, Manifest, Precision, Source
from tests.bench import fakes

SECONDS = 0.05


class Sleeper(Fake):
    """A backend that takes so long for each call."""

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        time.sleep(SECONDS)
        return super().logits(batch)


def _outside(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.zeros_like(ids)


def test_a_backend_with_a_known_sleep_is_split_within_three_percent(tmp_path: Path) -> None:
    texts, tokenizer = fakes.workload(8), fakes.tokenizer_file(tmp_path)
    for _ in range(4):  # a busy machine wakes a sleeper late; once it must be right
        backend = Sleeper(5, _outside)
        found = split_of(tokenizer, backend, fakes.LABELS, max_length=16, vocabulary=10, texts=texts.raw)
        calls = len(backend.shapes) // 2  # the warm-up had as many
        if abs(found.stages["backend"] / (SECONDS * calls) - 1) <= 0.03:
            break
    assert found.stages["backend"] == pytest.approx(SECONDS * calls, rel=0.03)
    assert set(found.stages) == {"tokenize", "pack", "backend", "decode"}
    assert all(seconds >= 0 for seconds in found.stages.values())
    # Eight texts of five words and two special tokens each, all of one length.
    assert (found.slots, found.filled) == (56, 56)


def test_streams_that_overlap_are_counted_once() -> None:
    watched = WatchedBackend(Fake(5, _outside), time.perf_counter)
    watched.busy += [(0.0, 2.0), (1.0, 3.0), (1.5, 1.7), (5.0, 6.0)]
    assert watched.seconds == 4.0
    assert watched.last == 6.0
    watched.forget()
    assert watched.seconds == 0.0


def _bundle(folder: Path, *certificates: Certificate) -> Bundle:
    graphs = tuple(
        Graph(f"{layout}-{precision}.onnx", precision, layout, 17, ()) for layout, precision in LAYOUTS_AND_PRECISIONS
    )
    return Bundle(folder, Manifest(Source("x", "00"), fakes.LABELS, 64, 10, {}, graphs, certificates, {}))


LAYOUTS_AND_PRECISIONS: tuple[tuple[Layout, Precision], ...] = (
    ("padded", "fp32"),
    ("packed", "fp32"),
    ("packed", "int8"),
)


def _certificate(file: str, backend: str, precision: Precision, *, passed: bool = True) -> Certificate:
    return Certificate(file, backend, precision, "cpu", {}, "c", "00", {"changed_per_10k": 1.5}, {}, passed)


def test_every_passing_certificate_is_a_system_with_a_name_of_its_own(tmp_path: Path) -> None:
    bundle = _bundle(
        tmp_path,
        _certificate("padded-fp32.onnx", "onnxruntime", "fp32"),
        _certificate("packed-fp32.onnx", "onnxruntime", "fp32"),
        _certificate("packed-fp32.onnx", "openvino", "bf16"),
        _certificate("packed-int8.onnx", "openvino", "int8", passed=False),
    )
    specs = nerve_specs(bundle, threads=2)
    assert [spec.name for spec in specs] == [
        "nerve-onnxruntime-fp32-padded",
        "nerve-onnxruntime-fp32-packed",
        "nerve-openvino-bf16",
    ]
    assert {spec.group for spec in specs} == {"nerve"}
    assert dict(specs[0].certificate)["changed_per_10k"] == 1.5


def test_the_size_on_disk_holds_the_weights_that_a_graph_names(tmp_path: Path) -> None:
    (tmp_path / "padded-fp32.onnx").write_bytes(b"\x08location\x12\x0cweights.data")
    for name in ("weights.data", "other.data"):
        (tmp_path / name).write_bytes(b"0" * 1000)
    [spec] = nerve_specs(_bundle(tmp_path, _certificate("padded-fp32.onnx", "onnxruntime", "fp32")), threads=1)
    names = ["padded-fp32.onnx", "weights.data", "tokenizer.json", "config.json", "manifest.json"]
    assert [file.name for file in spec.files] == names
