"""Our candidates: named from certificates, watched from outside."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.systems.nerve import Nerve, nerve_specs, reading_specs, split_of
from bench.systems.stopwatch import WatchedBackend
from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, Certificate, Graph, Layout, Manifest, Precision, Source, open_bundle
from runtime.errors import UncertifiedError
from tests.bench import fakes

SECONDS = 0.05


class Sleeper(Fake):
    """A backend that takes so long for each call, on a clock of its own."""

    def __init__(self, clock: fakes.Clock) -> None:
        super().__init__(5, _outside)
        self._clock = clock

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        self._clock.sleep(SECONDS)
        return super().logits(batch)


def _outside(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.zeros_like(ids)


def test_a_backend_with_a_known_time_is_split_exactly(tmp_path: Path) -> None:
    texts, tokenizer, clock = fakes.workload(8), fakes.tokenizer_file(tmp_path), fakes.Clock()
    backend = Sleeper(clock)
    found = split_of(tokenizer, backend, fakes.LABELS, max_length=16, vocabulary=10, texts=texts.raw, clock=clock)
    calls = len(backend.shapes) // 2  # the warm-up had as many
    assert found.stages["backend"] == pytest.approx(SECONDS * calls)
    assert sum(found.stages.values()) == pytest.approx(SECONDS * calls)
    assert set(found.stages) == {"tokenize", "pack", "backend", "decode"}
    assert all(seconds >= 0 for seconds in found.stages.values())
    # Eight texts of five words and two special tokens each, all of one length.
    assert (found.slots, found.filled) == (56, 56)


class Capturing(Sleeper):
    """A backend that takes ten times as long when a shape of batch first comes."""

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        if batch.input_ids.shape not in self.shapes:
            self._clock.sleep(9 * SECONDS)
        return super().logits(batch)


def test_the_pass_that_is_watched_is_a_warm_one(tmp_path: Path) -> None:
    texts, tokenizer, clock = fakes.workload(8), fakes.tokenizer_file(tmp_path), fakes.Clock()
    backend = Capturing(clock)
    found = split_of(tokenizer, backend, fakes.LABELS, max_length=16, vocabulary=10, texts=texts.raw, clock=clock)
    passes = 3  # the first, and two that are alike
    assert found.stages["backend"] == pytest.approx(SECONDS * len(backend.shapes) / passes)
    assert (found.slots, found.filled) == (56, 56)


def test_streams_that_overlap_are_counted_once() -> None:
    watched = WatchedBackend(Fake(5, _outside), time.perf_counter)
    watched.busy += [(0.0, 2.0), (1.0, 3.0), (1.5, 1.7), (5.0, 6.0)]
    assert watched.seconds == 4.0
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


def test_what_failed_later_is_not_measured(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path, _certificate("packed-fp32.onnx", "onnxruntime", "fp32"))
    candidate = bundle.manifest.certificates[0].candidate
    doubtful = replace(bundle, doubts={candidate: UncertifiedError("x", "it failed on another text", "certify it")})
    assert [len(nerve_specs(each, threads=1)) for each in (bundle, doubtful)] == [1, 0]


def test_the_size_on_disk_holds_the_weights_that_a_graph_names(tmp_path: Path) -> None:
    (tmp_path / "padded-fp32.onnx").write_bytes(b"\x08location\x12\x0cweights.data")
    for name in ("weights.data", "other.data"):
        (tmp_path / name).write_bytes(b"0" * 1000)
    [spec] = nerve_specs(_bundle(tmp_path, _certificate("padded-fp32.onnx", "onnxruntime", "fp32")), threads=1)
    names = ["padded-fp32.onnx", "weights.data", "tokenizer.json", "config.json", "manifest.json"]
    assert [file.name for file in spec.files] == names


def test_documents_are_read_in_every_way_by_the_candidate_that_users_get(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    specs = reading_specs(bundle, threads=1)
    chosen = next(spec.name for spec in nerve_specs(bundle, threads=1) if specs[0].name.startswith(spec.name))
    assert [spec.name for spec in specs] == [f"{chosen}/{policy}" for policy in ("sentences", "context", "windows")]
    assert {spec.workloads for spec in specs} == {("documents",)}
    text = "Oslo and Lisbon. " * 30
    for spec in specs:
        system = spec.open(replace(spec.settings[0], goal="latency"))
        (found,) = system.spans(system.tag([text]))
        assert all(text[start:end].strip() for _, start, end in found)
        system.close()


@pytest.mark.parametrize("goal", ["throughput", "latency"])
def test_a_candidate_is_opened_with_the_goal_that_is_asked_for(
    tiny_bundle: Path, goal: Literal["throughput", "latency"]
) -> None:
    spec = nerve_specs(open_bundle(tiny_bundle), threads=1)[0]
    system = spec.open(replace(spec.settings[0], goal=goal))
    assert isinstance(system, Nerve)
    assert system.goal == goal
    system.close()
