"""Backend tensorrt-rtx: a portable engine on a fake GPU, what it keeps, and where it is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.base import BackendOptions, Compiling, Goal, Keeping, keeping
from runtime.backends.tensorrt import api
from runtime.backends.tensorrt.portable import SPECS, PortableEngine, open_portable
from runtime.batch.batches import Batch
from runtime.bundle.certificate import Candidate
from runtime.bundle.manifest import Engine, FileDigest, Graph, Manifest, Profile, Source
from runtime.bundle.store import Bundle
from runtime.errors import BackendError, BundleError, UncertifiedError
from runtime.selection import candidates, choose
from runtime.system.cache import read_kept, write_kept
from runtime.system.gpu import Gpu
from tests.fakes import tensorrt_rtx as fake
from tests.fakes.cuda import FakeCuda
from tests.fakes.machine import FakeMachine
from tests.fakes.tensorrt import plan_of
from tests.fakes.tensorrt_rtx import RTX_VERSION, FakeRtx

_LABELS = 5
_BATCHES = (Profile(8, 64), Profile(1, 64), Profile(4, 128), Profile(1, 128))
_RANGES = [[[1, 64], [8, 64]], [[1, 128], [4, 128]]]
CANDIDATE = Candidate("packed-fp16-rtx.plan", "tensorrt-rtx", "fp16", "cuda")
L4 = Gpu("NVIDIA L4", "8.9", "580.95.05", 24 << 30, 58)
H100 = Gpu("NVIDIA H100 80GB HBM3", "9.0", "580.95.05", 80 << 30, 132)


def answer(given: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
    chosen = (given["input_ids"] + 3 * given["position_ids"] + 7 * given["segment_ids"]) % _LABELS
    return np.where(chosen[..., None] == np.arange(_LABELS), np.float32(5), np.float32(0))


def batch(rows: int, length: int) -> Batch:
    chance = np.random.default_rng(rows * length)
    ids, segments, positions = (chance.integers(0, most, (rows, length)) for most in (100, 4, 64))
    return Batch(ids, segments, positions)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return portable_bundle(tmp_path)


def portable_bundle(folder: Path) -> Bundle:
    """A bundle with a portable engine, as export records it."""
    (folder / CANDIDATE.file).write_bytes(plan_of(_RANGES))
    engine = Engine(
        file=CANDIDATE.file,
        graph="packed-fp16.onnx",
        graph_sha256="abc",
        precision="fp16",
        layout="packed",
        inputs=("input_ids", "position_ids", "segment_ids"),
        gpu="",
        compute_capability="8.0, 8.9, 12.0",
        tensorrt=RTX_VERSION,
        driver="",
        profiles=_BATCHES,
        layers={"fp16": 12},
        backend="tensorrt-rtx",
    )
    graph = Graph(engine.graph, "fp16", "packed", 17, engine.inputs, made_for="onnxruntime")
    files = {engine.graph: FileDigest("abc", 1)}
    manifest = Manifest(Source("model", "0"), ("O",) * _LABELS, 128, 100, files, (graph,), (), {})
    return Bundle(folder, replace(manifest, engines=(engine,)))


def opened(
    bundle: Bundle, library: FakeRtx, *, here: Gpu | None = L4, cache: str = "", goal: Goal = "throughput"
) -> PortableEngine:
    options = BackendOptions(threads=1, certified=False, goal=goal)
    return open_portable(bundle, CANDIDATE, options, here=here, library=library, cuda=lambda: library.cuda, cache=cache)


@pytest.mark.parametrize("shape", [(8, 64), (1, 64), (3, 50), (20, 64), (4, 128), (2, 100)])
def test_batches_of_any_shape_are_answered(bundle: Bundle, shape: tuple[int, int]) -> None:
    backend = opened(bundle, FakeRtx(FakeCuda(), answer))
    given = batch(*shape)
    expected = answer(given.named(("input_ids", "position_ids", "segment_ids")))
    for _ in range(2):  # the first prepares, the second launches the graph
        assert np.array_equal(backend.logits(given), expected)


def test_batches_of_one_length_share_a_profile_with_free_rows(bundle: Bundle) -> None:
    library = FakeRtx(FakeCuda(), answer)
    backend = opened(bundle, library, goal="latency")
    for rows, length in ((8, 64), (1, 64), (4, 128)):
        backend.logits(batch(rows, length))
    assert [context.profile for context in library.contexts] == [0, 0, 1]
    assert (backend.profiles, backend.streams) == (_BATCHES, 1)


def test_what_was_compiled_is_kept_for_the_next_start(bundle: Bundle, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for compiled in (2, 0):
        cuda = FakeCuda()
        library = FakeRtx(cuda, answer)
        backend = opened(bundle, library, cache=str(cache))
        backend.logits(batch(8, 64))
        backend.logits(batch(1, 128))
        backend.close()
        assert library.compiled == compiled
        assert cuda.is_clean
    assert [path.name for path in cache.iterdir()] == ["packed-fp16-rtx.plan-NVIDIA-L4.jit"]


def test_what_fails_its_self_check_is_kept_no_longer(bundle: Bundle, tmp_path: Path) -> None:
    """Otherwise each later start would find what was compiled wrongly once, and be refused."""
    backend = opened(bundle, FakeRtx(FakeCuda(), answer), cache=str(tmp_path))
    backend.logits(batch(1, 64))
    assert [*tmp_path.glob("*.jit")]
    assert isinstance(backend, Keeping)
    keeping(backend).keep()
    assert [*tmp_path.glob("*.jit")]
    keeping(backend).forget()
    assert not [*tmp_path.glob("*.jit")]
    nowhere = opened(bundle, FakeRtx(FakeCuda(), answer), cache="")
    keeping(nowhere).forget()


def test_all_batches_can_be_compiled_ahead(bundle: Bundle, tmp_path: Path) -> None:
    library = FakeRtx(FakeCuda(), answer)
    backend = opened(bundle, library, cache=str(tmp_path))
    assert isinstance(backend, Compiling)
    assert backend.compile_all() == len(_BATCHES) == library.compiled
    backend.close()
    again = FakeRtx(FakeCuda(), answer)
    backend = opened(bundle, again, cache=str(tmp_path))
    for each in _BATCHES:
        backend.logits(batch(each.rows, each.length))
    backend.close()
    assert again.compiled == 0


def test_a_cache_that_does_not_fit_is_written_anew(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "packed-fp16-rtx.plan-NVIDIA-L4.jit"
    write_kept(file, b"of another driver")
    library = FakeRtx(FakeCuda(), answer)
    opened(bundle, library, cache=str(tmp_path)).logits(batch(1, 64))
    assert library.compiled == 1
    assert read_kept(file) == b"this GPU 1x64"


def test_a_damaged_cache_is_not_given_to_the_library(bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "packed-fp16-rtx.plan-NVIDIA-L4.jit"
    write_kept(file, b"this GPU 1x64 1x128")
    file.write_bytes(file.read_bytes().replace(b"1x128", b"1x129"))
    library = FakeRtx(FakeCuda(), answer)
    opened(bundle, library, cache=str(tmp_path)).logits(batch(1, 64))
    assert library.compiled == 1
    assert read_kept(file) == b"this GPU 1x64"


def test_without_a_place_nothing_is_kept(bundle: Bundle, tmp_path: Path) -> None:
    before = {*tmp_path.iterdir(), *Path().iterdir()}
    opened(bundle, FakeRtx(FakeCuda(), answer)).logits(batch(1, 64))
    assert {*tmp_path.iterdir(), *Path().iterdir()} == before


def test_a_run_that_cannot_be_recorded_is_one_line(bundle: Bundle) -> None:
    cuda = FakeCuda()
    backend = opened(bundle, FakeRtx(cuda, answer, fails="capture refused"))
    with pytest.raises(BackendError, match="TensorRT refused a batch of 1 x 64"):
        backend.logits(batch(1, 64))
    backend.close()
    assert cuda.is_clean


def test_gpus_and_versions_that_it_is_not_for_are_one_line(bundle: Bundle) -> None:
    cuda = FakeCuda()
    library = FakeRtx(cuda, answer)
    found = (
        r"engine for any GPU \(sm_80, sm_89, sm_120, TensorRT for RTX 1\.7\), this machine has "
        r"NVIDIA H100 80GB HBM3 \(sm_90\); use another backend on this GPU"
    )
    with pytest.raises(BackendError, match=found):
        opened(bundle, library, here=H100)
    with pytest.raises(BackendError, match="this machine has no NVIDIA GPU"):
        opened(bundle, library, here=None)
    library.__version__ = "1.8.0.1"
    with pytest.raises(BackendError, match=r"TensorRT for RTX 1\.8\.0\.1\); export the bundle again"):
        opened(bundle, library)
    assert cuda.is_clean


def test_an_engine_of_another_graph_is_refused(bundle: Bundle) -> None:
    other = replace(bundle.manifest, files={"packed-fp16.onnx": FileDigest("def", 1)})
    with pytest.raises(BundleError, match=r"built from another packed-fp16\.onnx; export the bundle again"):
        opened(replace(bundle, manifest=other), FakeRtx(FakeCuda(), answer))


def test_it_is_offered_and_never_chosen_uncertified(bundle: Bundle) -> None:
    assert candidates(bundle)[-1] == CANDIDATE
    here = FakeMachine(packages={"tensorrt-rtx-cu13": RTX_VERSION}, own_gpu=L4)
    assert SPECS[0].obstacle(bundle, CANDIDATE, here) is None
    with pytest.raises(UncertifiedError):
        choose(bundle, here=here)
    assert choose(bundle, certified=False, here=here) == CANDIDATE
    without = FakeMachine(own_gpu=L4)
    obstacle = SPECS[0].obstacle(bundle, CANDIDATE, without)
    assert obstacle is not None
    assert obstacle.fix == "pip install 'nerve-ner[tensorrt-rtx]'"


def test_names_and_parameters_are_the_librarys() -> None:
    if find_spec("tensorrt_rtx") is None:
        pytest.skip("tensorrt_rtx is not installed")
    library = import_module("tensorrt_rtx")
    ours = {
        api.RuntimeCache: (library.IRuntimeCache, fake.FakeRuntimeCache),
        api.RuntimeConfig: (library.IRuntimeConfig, fake.FakeRuntimeConfig),
        api.PortablePlan: (library.ICudaEngine, fake.FakePortablePlan),
        api.PortableContext: (library.IExecutionContext, fake.FakePortableContext),
    }
    for kind, (real, faked) in ours.items():
        for name, method in vars(kind).items():
            if name.startswith("_") or not callable(method):
                continue
            said = getattr(real, name).__doc__ or ""
            for parameter in [each for each in method.__annotations__ if each != "return"]:
                assert re.search(rf"\b{parameter}\b", said), (name, parameter)
            assert callable(getattr(faked, name))
    real = library.DynamicShapesKernelSpecializationStrategy.__members__
    assert {*fake.DynamicShapesKernelSpecializationStrategy.__members__} == {*real}
    assert isinstance(library.IRuntimeConfig.dynamic_shapes_kernel_specialization_strategy, property)
