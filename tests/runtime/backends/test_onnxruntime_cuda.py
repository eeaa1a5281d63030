"""ONNX Runtime on a GPU: settings, providers and their options; and on a GPU, the answers themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import BackendOptions, install
from runtime.backends.onnxruntime_cuda import (
    SPECS,
    Settings,
    cuda_provider,
    packing_on_gpu,
    settings_for,
    settings_of,
    tensorrt_provider,
)
from runtime.backends.onnxruntime_sessions import CPU
from runtime.backends.registry import open_candidate
from runtime.bundle.store import Bundle, Candidate, open_bundle
from runtime.errors import UsageError
from runtime.selection import runnable
from runtime.system.gpu import Gpu
from tests.fakes.machine import FakeMachine
from tests.fakes.sessions import batch


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


@pytest.fixture
def options(tiny_model: Path) -> BackendOptions:
    return BackendOptions(threads=1, checkpoint=tiny_model, certified=False)


def test_packing_has_few_lengths() -> None:
    assert packing_on_gpu("packed", slots=4096, max_length=512).lengths == (64, 128, 256, 512)
    assert packing_on_gpu("packed", slots=4096, max_length=100).lengths == (64, 128)
    # Behind a padded row's last position there is none in the model's table.
    assert packing_on_gpu("padded", slots=4096, max_length=100).lengths == (64, 100)
    assert packing_on_gpu("padded", slots=4096, max_length=40).lengths == (40,)


def test_settings_are_read_by_name() -> None:
    assert settings_of({}) == Settings()
    assert settings_of({"cuda_graph": "0", "tf32": "1", "slots": "512"}) == Settings(
        cuda_graph=False, tf32=True, slots=512
    )
    assert settings_of({"warm": "1"}) == Settings(warm=True)
    with pytest.raises(UsageError, match=r"'graph': unknown; choose one of cuda_graph, tf32, memory_limit"):
        settings_of({"graph": "1"})
    with pytest.raises(UsageError, match="give a whole number"):
        settings_of({"slots": "many"})


def test_what_cannot_be_captured_is_not(bundle: Bundle) -> None:
    graph = bundle.graph("fp32")
    assert settings_for(graph, {"slots": "64"}) == Settings(slots=64, cuda_graph=True)
    assert settings_for(replace(graph, capturable=False), {"slots": "64"}) == Settings(slots=64, cuda_graph=False)
    assert not settings_for(graph, {"cuda_graph": "0"}).cuda_graph
    with pytest.raises(UsageError, match="cannot be captured"):
        settings_for(replace(graph, capturable=False), {"cuda_graph": "1"})


def test_without_measured_speeds_the_graph_with_few_kernels_goes_first(bundle: Bundle) -> None:
    """The order of an H100's measurements: fp16 before fp32, graphs made for ONNX Runtime before plain ones."""
    graph = replace(bundle.graph("fp32"), file="packed-fp32.onnx", layout="packed")
    graphs = (
        graph,
        replace(graph, file="padded-packing-fp16.onnx", precision="fp16", layout="padded", made_for="onnxruntime"),
        replace(graph, file="padded-fp16.onnx", precision="fp16", layout="padded"),
        replace(graph, file="packed-fp16.onnx", precision="fp16"),
        replace(graph, file="packed-fused-fp16.onnx", precision="fp16", made_for="onnxruntime"),
    )
    offered = SPECS[0].candidates(replace(bundle, manifest=replace(bundle.manifest, graphs=graphs)))
    assert [one.file for one in offered] == [
        "packed-fused-fp16.onnx",
        "padded-packing-fp16.onnx",
        "packed-fp16.onnx",
        "padded-fp16.onnx",
        "packed-fp32.onnx",
    ]


def test_options_of_the_cuda_provider() -> None:
    (name, given), (last, _) = cuda_provider(Settings(memory_limit=1 << 30)).names
    assert (name, last) == ("CUDAExecutionProvider", CPU)
    assert given["use_tf32"] == "0"
    assert given["enable_cuda_graph"] == "1"
    assert given["gpu_mem_limit"] == str(1 << 30)
    assert "gpu_mem_limit" not in cuda_provider(Settings()).names[0][1]


def test_options_of_the_tensorrt_provider() -> None:
    packing = packing_on_gpu("packed", slots=4096, max_length=512)
    provider = tensorrt_provider(Settings(), packing, ("input_ids", "segment_ids"), "/cache")
    names = [name for name, _ in provider.names]
    assert names == ["TensorrtExecutionProvider", "CUDAExecutionProvider", CPU]
    given = provider.names[0][1]
    assert given["trt_profile_min_shapes"] == "input_ids:1x64,segment_ids:1x64"
    assert given["trt_profile_opt_shapes"] == "input_ids:64x64,segment_ids:64x64"
    assert given["trt_profile_max_shapes"] == "input_ids:64x512,segment_ids:64x512"
    assert given["trt_engine_cache_path"] == given["trt_timing_cache_path"] == "/cache"
    assert not [name for name in given if "fp16" in name]
    assert not provider.captures


@pytest.mark.gpu
@pytest.mark.parametrize(
    "settings", [{}, {"cuda_graph": "0"}, {"warm": "1", "slots": "512"}], ids=["graphs", "launches", "warm"]
)
def test_candidates_on_the_gpu_answer_as_the_cpu_does(
    gpu_bundle: Path, options: BackendOptions, settings: dict[str, str]
) -> None:
    bundle = open_bundle(gpu_bundle)
    on_gpu = [one for one in runnable(bundle) if one.device == "cuda" and one.backend == "onnxruntime"]
    if not on_gpu:
        pytest.skip("ONNX Runtime's CUDA provider is not installed")
    assert {one.precision for one in on_gpu} == {"fp32", "fp16"}
    assert any("fused" in one.file for one in on_gpu)
    given = batch(3, 64, bundle.manifest.vocabulary)
    plain = open_candidate(Candidate("packed-fp32.onnx", "onnxruntime", "fp32", "cpu"), bundle, options)
    expected = plain.logits(given)
    plain.close()
    for candidate in on_gpu:
        bound = 1e-3 if candidate.precision == "fp32" else 0.02 * np.abs(expected).max()
        backend = open_candidate(candidate, bundle, replace(options, settings=settings))
        # The second batch of a shape is the replay of what the first one captured.
        for _ in range(3):
            assert np.abs(backend.logits(given) - expected).max() < bound, candidate
        backend.close()


@pytest.mark.gpu
def test_streams_on_the_gpu_capture_while_others_run(gpu_bundle: Path, options: BackendOptions) -> None:
    bundle = open_bundle(gpu_bundle)
    fused = [one for one in runnable(bundle) if "fused" in one.file and one.device == "cuda"]
    if not fused:
        pytest.skip("ONNX Runtime's CUDA provider is not installed")
    backend = open_candidate(fused[0], bundle, options)
    given = [batch(rows, length, bundle.manifest.vocabulary) for length in (64, 32) for rows in (1, 2, 3, 4, 8, 16)]
    with ThreadPoolExecutor(backend.streams + 2) as pool:
        answers = list(pool.map(backend.logits, given * 6))
    largest = max(float(np.abs(answer).max()) for answer in answers)
    for number, answer in enumerate(answers):
        assert np.abs(answer - answers[number % len(given)]).max() < 0.02 * largest
    backend.close()


def test_what_a_machine_lacks_is_said_in_the_order_in_which_it_is_cheap_to_ask() -> None:
    cuda, tensorrt = SPECS
    provider = {name: ("onnxruntime", f"capi/libonnxruntime_providers_{name}.so") for name in ("cuda", "tensorrt")}
    assert cuda.missing(FakeMachine()) == ("libonnxruntime_providers_cuda.so is not installed", install(cuda))
    with_providers = FakeMachine(files=frozenset(provider.values()))
    no_gpu = cuda.missing(with_providers)
    assert no_gpu is not None
    assert no_gpu.problem.startswith("this machine has no NVIDIA GPU")
    h100 = Gpu("NVIDIA H100", "9.0", "580.1", 80 << 30, 132)
    assert cuda.missing(replace(with_providers, own_gpu=h100)) is None
    without_tensorrt = tensorrt.missing(replace(with_providers, own_gpu=h100))
    assert without_tensorrt is not None
    assert "needs TensorRT 10, which is not installed" in without_tensorrt.problem
    assert tensorrt.missing(replace(with_providers, own_gpu=h100, shared=frozenset({"libnvinfer.so.10"}))) is None
    assert tensorrt.missing(replace(with_providers, own_gpu=h100, packages={"tensorrt-cu13": "10.9"})) is None
    # TensorRT 11 is no TensorRT 10.
    assert tensorrt.missing(replace(with_providers, own_gpu=h100, packages={"tensorrt-cu13": "11.0"})) is not None
