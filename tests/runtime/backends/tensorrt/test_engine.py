"""Opening a bundle's engine: on the GPU and with the TensorRT that it was built for, or one line of error."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import BackendOptions
from runtime.backends.tensorrt.cuda import Cuda
from runtime.backends.tensorrt.engine import TensorRt, open_engine
from runtime.bundle.certificate import Candidate
from runtime.bundle.manifest import Engine, FileDigest, Graph, Manifest, Profile, Source
from runtime.bundle.store import Bundle
from runtime.errors import BackendError, BundleError
from runtime.system.gpu import Gpu
from tests.conftest import ROOT
from tests.fakes.cuda import FakeCuda
from tests.fakes.tensorrt import VERSION, FakeTrt, plan_of

_LABELS = 5
_PROFILES = (Profile(8, 64), Profile(1, 64))
H100 = Gpu("NVIDIA H100 80GB HBM3", "9.0", "580.95.05", 80 << 30, 132)
L4 = Gpu("NVIDIA L4", "8.9", "580.95.05", 24 << 30, 58)


def bundle(tmp_path: Path, gpu: Gpu = H100, version: str = VERSION) -> Bundle:
    """A bundle with an engine for that GPU."""
    path = tmp_path / "packed-fp16.plan"
    path.write_bytes(plan_of([(each.rows, each.length) for each in _PROFILES]))
    engine = Engine(
        file=path.name,
        graph="packed-fp16.onnx",
        graph_sha256="abc",
        precision="fp16",
        layout="packed",
        inputs=("input_ids", "position_ids", "segment_ids"),
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        tensorrt=version,
        driver=gpu.driver,
        profiles=_PROFILES,
        layers={"fp16": 12},
    )
    graph = Graph(engine.graph, "fp16", "packed", 17, engine.inputs)
    files = {engine.graph: FileDigest("abc", 1)}
    manifest = Manifest(Source("model", "0"), ("O",) * _LABELS, 64, 100, files, (graph,), (), {})
    return Bundle(tmp_path, replace(manifest, engines=(engine,)))


def open_on(held: Bundle, here: Gpu | None, cuda: FakeCuda, *, goal: str = "throughput") -> TensorRt:
    def gpu_is_asked() -> Cuda:
        return cuda

    options = BackendOptions(threads=1, certified=False)
    options = replace(options, goal="latency") if goal == "latency" else options
    candidate = Candidate("packed-fp16.plan", "tensorrt", "fp16", "cuda")
    library = FakeTrt(cuda, lambda given: np.zeros((*given["input_ids"].shape, _LABELS), np.float32))
    return open_engine(held, candidate, options, here=here, library=library, cuda=gpu_is_asked)


def test_an_engine_for_this_gpu_is_opened_with_two_streams_or_one(tmp_path: Path) -> None:
    cuda = FakeCuda()
    backend = open_on(bundle(tmp_path), H100, cuda)
    assert (backend.streams, backend.device, backend.layout, backend.version) == (2, "cuda", "packed", VERSION)
    assert backend.profiles == _PROFILES
    assert open_on(bundle(tmp_path), H100, cuda, goal="latency").streams == 1


def test_an_engine_for_another_gpu_or_version_is_one_line(tmp_path: Path) -> None:
    cuda = FakeCuda()
    with pytest.raises(BackendError) as error:
        open_on(bundle(tmp_path), L4, cuda)
    assert "engine for NVIDIA H100 80GB HBM3 (sm_90, TensorRT 11.4), this machine has NVIDIA L4 (sm_89" in str(
        error.value
    )
    assert str(error.value).endswith("run make export TENSORRT=1")
    with pytest.raises(BackendError, match=r"TensorRT 11\.3.*this machine has .*11\.4\.0\.106"):
        open_on(bundle(tmp_path, version="11.3.1.5"), H100, cuda)
    with pytest.raises(BackendError, match="this machine has no NVIDIA GPU"):
        open_on(bundle(tmp_path), None, cuda)
    assert cuda.is_clean


def test_an_engine_of_another_graph_is_refused(tmp_path: Path) -> None:
    held = bundle(tmp_path)
    other = replace(held.manifest, files={"packed-fp16.onnx": FileDigest("def", 1)})
    with pytest.raises(BundleError, match=r"built from another packed-fp16\.onnx; run make export TENSORRT=1"):
        open_on(replace(held, manifest=other), H100, FakeCuda())


def test_a_library_that_cannot_be_loaded_is_one_line(tmp_path: Path) -> None:
    """In a process of its own, which finds a module named tensorrt that lacks a library of its own."""
    (tmp_path / "tensorrt.py").write_text("raise ImportError('libnvinfer.so.11: no such file')")
    code = "from runtime.backends.tensorrt.api import open_trt; open_trt()"
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "BackendError: library 'tensorrt': it is installed and cannot be loaded (libnvinfer.so.11: no" in done.stderr
