"""Engines, on a TensorRT that is not there: what is asked of it, what becomes of its answers, and what goes wrong.

The plan that the fake builds is run by the real runner, and ONNX Runtime computes what TensorRT was given: so the whole
way from graph to logits is walked, but for the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from export.certify.attest.graph import attest_graph
from export.engines.attention import prepared, with_half_softmax, with_operator
from export.engines.build import Built, engine_from_graph
from export.engines.build_progress import Phases
from export.engines.bundle_engines import built
from export.engines.options import TensorRTOptions, check_tensorrt, has_engines
from export.engines.profiles import profiles_for
from export.engines.timing_cache import cache_file
from export.graphs.fp16 import fp16_from_graph
from export.graphs.shared_weights import share_weights
from export.quantize.activations import text_batches
from runtime.backends.base import BackendOptions
from runtime.backends.tensorrt.engine import TensorRt, open_engine
from runtime.batch.batches import Batch
from runtime.bundle.certificate import Candidate, Wanted
from runtime.bundle.manifest import Graph, Profile
from runtime.bundle.store import TOKENIZER, Bundle, digest_of, open_bundle, seal
from runtime.encode.tokenizer import Encoder
from runtime.errors import BackendError, BundleError
from runtime.screen.display import showing
from runtime.system.gpu import Gpu, gpu
from runtime.tagger import Tagger
from runtime.text.conll import read_conll
from tests.conftest import Command
from tests.fakes.cuda import FakeCuda
from tests.fakes.screen import FakeScreen
from tests.fakes.tensorrt import VERSION
from tests.fakes.tensorrt_builder import BuilderFlag, FakeBuilding, MemoryPoolType, ProfilingVerbosity

FP32 = Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids", "position_ids", "segment_ids"))
FP16 = replace(FP32, file="packed-fp16.onnx", precision="fp16")
H100 = Gpu("NVIDIA H100 80GB HBM3", "9.0", "580.95.05", 80 << 30, 132)
_LABELS = 7


@pytest.fixture(scope="module")
def fp16(tiny_bundle: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model's fp16 graph, its weights in another file as in a bundle."""
    folder = tmp_path_factory.mktemp("half")
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    batches = text_batches(Encoder(tiny_bundle / TOKENIZER), sentences, max_length=64, most=2)
    fp16_from_graph(tiny_bundle / FP32.file, folder / FP16.file, FP32, batches, threads=1)
    share_weights([folder / FP16.file], folder / "weights.data")
    return folder


def zeros(given: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
    return np.zeros((*given["input_ids"].shape, _LABELS), np.float32)


def computed(model: onnx.ModelProto, folder: Path) -> Any:
    """What ONNX Runtime makes of a graph whose weights lie in that folder."""
    path = folder / "changed.onnx"
    path.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def compute(given: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run(None, dict(given))[0]
        return found

    return compute


def build(fp16: Path, tmp_path: Path, library: FakeBuilding, **more: Any) -> Built:
    given: dict[str, Any] = {"profiles": (Profile(4, 64), Profile(1, 64)), "phases": Phases(), **more}
    return engine_from_graph(
        fp16 / FP16.file,
        tmp_path / "packed-fp16.plan",
        FP16,
        profiles=given["profiles"],
        gpu=H100,
        library=library,
        cache=tmp_path / "cache" / "kernel.timing",
        phases=given["phases"],
    )


def test_tensorrt_is_asked_for_what_an_engine_needs(fp16: Path, tmp_path: Path) -> None:
    library = FakeBuilding(FakeCuda(), zeros)
    made = build(fp16, tmp_path, library)
    config = library.configs[0]
    assert config.pools == {MemoryPoolType.WORKSPACE: 4 << 30}
    assert config.profiling_verbosity is ProfilingVerbosity.DETAILED
    assert config.cleared == [BuilderFlag.TF32]
    assert [{*profile.shapes} for profile in config.profiles] == [{*FP16.inputs}] * 2
    assert [profile.shapes["input_ids"] for profile in config.profiles] == [((4, 64),) * 3, ((1, 64),) * 3]
    engine = made.engine
    assert (engine.gpu, engine.compute_capability, engine.tensorrt) == (H100.name, "9.0", VERSION)
    assert (engine.driver, engine.precision, engine.graph) == (H100.driver, "fp16", FP16.file)
    assert engine.graph_sha256 == digest_of(fp16 / FP16.file).sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", engine.file]
    # Weights stay in their file: the parser is told where the graph lies.
    model, path = library.parsed[0]
    assert path == str(fp16 / FP16.file)
    assert any(tensor.external_data for tensor in model.graph.initializer)


def test_kernel_times_are_kept_for_the_next_build_and_those_of_another_gpu_are_not(fp16: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "kernel.timing"
    build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros))
    assert cache.read_bytes() == b"+times"
    build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros))
    assert cache.read_bytes() == b"+times+times"
    build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros, fails="cache"))
    assert cache.read_bytes() == b"+times"
    cache.write_bytes(b"damaged")
    build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros))
    assert cache.read_bytes() == b"+times"
    one = cache_file(H100, VERSION, {"NERVE_CACHE": "/somewhere"})
    assert one == Path("/somewhere/tensorrt/NVIDIA-H100-80GB-HBM3-11.4.0.106.timing")
    assert cache_file(H100, "11.5", {"XDG_CACHE_HOME": "/home"}).parent == Path("/home/nerve/tensorrt")


@pytest.mark.parametrize(
    ("fails", "found"),
    [
        ("builder", r"TensorRT cannot begin \(CUDA initialization failure with error: 35\); check the GPU"),
        ("parse", r"TensorRT cannot read it \(/wrong: no importer for operator Wrong\)"),
        (
            "build",
            r"TensorRT cannot build an engine of it \(Could not find any implementation for node /up/MatMul\); "
            "leave this precision out",
        ),
        ("memory", r"Requested amount of GPU memory .*; give it a GPU with more free memory, or smaller batches"),
        ("profile", r"it refuses batches of 4 x 64"),
    ],
)
def test_what_fails_is_one_line_and_no_file(fp16: Path, tmp_path: Path, fails: str, found: str) -> None:
    with pytest.raises(BackendError, match=found):
        build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros, fails=fails))
    assert not (tmp_path / "packed-fp16.plan").exists()


def test_a_build_that_was_stopped_leaves_nothing_but_its_times(fp16: Path, tmp_path: Path) -> None:
    phases = Phases()
    phases.stopped = True
    with pytest.raises(KeyboardInterrupt):
        build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros), phases=phases)
    assert [path.name for path in tmp_path.rglob("*")] == ["cache", "kernel.timing"]


def test_a_build_that_failed_leaves_its_times_for_the_next(fp16: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError):
        build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros, fails="build"))
    assert (tmp_path / "cache" / "kernel.timing").read_bytes() == b"+times"


def test_what_is_said_of_times_that_do_not_fit_is_no_cause_of_a_later_failure(fp16: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "kernel.timing"
    cache.parent.mkdir()
    cache.write_bytes(b"damaged")
    with pytest.raises(BackendError) as raised:
        build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros, fails="build"))
    assert "Could not find any implementation" in str(raised.value)
    assert "timing cache" not in str(raised.value)


def test_types_are_asked_for_with_a_context_whose_shapes_are_set(fp16: Path, tmp_path: Path) -> None:
    made = build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros))
    assert "Half" in made.inspected
    assert "unknown" not in made.inspected


def test_without_a_place_for_times_an_engine_is_built_all_the_same(fp16: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    assert build(fp16, tmp_path, FakeBuilding(FakeCuda(), zeros)).engine.file == "packed-fp16.plan"


def test_profiles_can_be_wished_for(bundle: Bundle) -> None:
    tensorrt_options = TensorRTOptions(profiles=(Profile(2, 64), Profile(1, 64)))
    place = {"NERVE_CACHE": str(bundle.path.parent / "cache")}
    library = FakeBuilding(FakeCuda(), zeros)
    made = built(bundle, tensorrt_options, here=H100, library=library, phases=Phases, environment=place)
    assert made.manifest.engines[0].profiles == tensorrt_options.profiles


def test_lengths_double_up_to_the_longest_window_and_rows_shrink_by_four() -> None:
    assert profiles_for(64, slots=512) == (Profile(8, 64), Profile(1, 64))
    profiles = profiles_for(512)
    assert sorted({profile.length for profile in profiles}) == [64, 128, 256, 512]
    assert [profile.rows for profile in profiles if profile.length == 64] == [128, 32, 8, 1]
    assert [profile.rows for profile in profiles if profile.length == 512] == [16, 4, 1]
    assert profiles_for(100, slots=1) == (Profile(1, 64), Profile(1, 128))


def test_softmax_moves_to_fp16_and_logits_hardly(fp16: Path) -> None:
    model = onnx.load(fp16 / FP16.file, load_external_data=False)
    changed = with_half_softmax(model)

    def counts(of: onnx.ModelProto) -> tuple[int, int]:
        kinds = [node.op_type for node in of.graph.node]
        return kinds.count("Softmax"), kinds.count("Cast")

    # Two layers: two casts around each softmax are gone, and the graph that was given is as it was.
    assert counts(changed) == (2, counts(model)[1] - 4)
    assert counts(model) == counts(onnx.load(fp16 / FP16.file, load_external_data=False))
    given = row(3, 64)
    before, after = computed(model, fp16)(given), computed(changed, fp16)(given)
    assert np.abs(before - after).max() < 0.01 * np.abs(before).max()


def test_attention_becomes_one_operator_and_logits_hardly_change(fp16: Path) -> None:
    model = onnx.load(fp16 / FP16.file, load_external_data=False)
    changed = with_operator(with_half_softmax(model), decomposable=False)
    kinds = [node.op_type for node in changed.graph.node]
    assert (kinds.count("Attention"), kinds.count("Softmax"), kinds.count("MatMul")) == (2, 0, 17 - 4)
    given = row(3, 64)
    before, after = computed(model, fp16)(given), computed(changed, fp16)(given)
    assert np.abs(before - after).max() < 0.01 * np.abs(before).max()


def test_tensorrt_may_take_attention_apart(fp16: Path) -> None:
    model = onnx.load(fp16 / FP16.file, load_external_data=False)
    made = [node for node in prepared(model, "operator").graph.node if node.op_type == "Attention"]
    assert [node.name for node in made] == [f"/layers.{n}/MatMul+/layers.{n}/MatMul_1" for n in range(2)]
    assert all({each.name: each.i for each in node.attribute}["TRT_decomposable"] == 1 for node in made)
    assert not [node for node in prepared(model, "pattern").graph.node if node.op_type == "Attention"]


def row(rows: int, length: int) -> dict[str, NDArray[np.int64]]:
    """Rows of two windows each, and some token slots that hold nothing."""
    chance = np.random.default_rng(0)
    ids = chance.integers(5, 200, (rows, length))
    segments = np.repeat([[0] * 30 + [1] * (length - 40) + [-1] * 10], rows, axis=0)
    positions = np.repeat([[*range(30), *range(length - 40), *[0] * 10]], rows, axis=0)
    ids[segments < 0] = 0
    return {"input_ids": ids, "position_ids": positions, "segment_ids": segments}


@pytest.fixture
def bundle(tiny_bundle: Path, fp16: Path, tmp_path: Path) -> Bundle:
    """A sealed bundle with the fp16 graph, attested as export leaves it."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for path in (*fp16.glob("packed-fp16.onnx"), fp16 / "weights.data", *tiny_bundle.glob("*.json")):
        (folder / path.name).write_bytes(path.read_bytes())
    old = open_bundle(tiny_bundle).manifest
    files = {path.name: digest_of(path) for path in folder.iterdir() if path.name != "manifest.json"}
    attestations = (attest_graph(folder / FP16.file, FP16),)
    seal(
        folder,
        replace(old, files=files, graphs=(FP16,), certificates=(), failed=(), speeds=(), attestations=attestations),
    )
    return open_bundle(folder)


def engines_of(bundle: Bundle, library: FakeBuilding, slots: int = 256) -> Bundle:
    place = {"NERVE_CACHE": str(bundle.path.parent / "cache")}
    made = built(bundle, TensorRTOptions(slots=slots), here=H100, library=library, phases=Phases, environment=place)
    seal(bundle.path, made.manifest)
    return open_bundle(bundle.path)


def test_a_bundle_gets_an_engine_that_answers_as_its_graph_does(bundle: Bundle) -> None:
    cuda = FakeCuda()
    library = FakeBuilding(cuda, zeros)
    made = engines_of(bundle, library)
    engine = made.manifest.engines[0]
    assert (engine.file, engine.profiles) == ("packed-fp16.plan", (Profile(4, 64), Profile(1, 64)))
    assert engine.layers == {"fp16": 17}
    attestation = next(each for each in made.manifest.attestations if each.backend == "tensorrt")
    assert attestation.shares == {"fp16": 1.0}
    assert has_engines(made.manifest, H100, VERSION)
    assert not has_engines(made.manifest, replace(H100, name="NVIDIA L4"), VERSION)
    library.compute = computed(library.parsed[0][0], made.path)
    options = BackendOptions(threads=1, certified=False)
    candidate = Candidate(engine.file, "tensorrt", "fp16", "cuda")
    backend = open_engine(made, candidate, options, here=H100, library=library, cuda=lambda: cuda)
    check_against_the_graph(made, backend)
    backend.close()
    assert cuda.is_clean


def test_a_gpu_without_fp8_gets_no_engine_in_it(bundle: Bundle) -> None:
    fp8 = replace(FP16, file="packed-fp8.onnx", precision="fp8")
    held = replace(bundle, manifest=replace(bundle.manifest, graphs=(FP16, fp8)))
    library, ampere = FakeBuilding(FakeCuda(), zeros), replace(H100, name="NVIDIA A100", compute_capability="8.0")
    place = {"NERVE_CACHE": str(bundle.path.parent / "cache")}
    with showing(screen := FakeScreen()):
        made = built(held, TensorRTOptions(slots=256), here=ampere, library=library, phases=Phases, environment=place)
    assert [engine.file for engine in made.manifest.engines] == ["packed-fp16.plan"]
    assert "no engine of packed-fp8.onnx: NVIDIA A100 (sm_80) does not multiply in fp8" in screen.text


def check_against_the_graph(bundle: Bundle, backend: TensorRt) -> None:
    """Whole texts through a tagger on each; and a batch that is no profile's."""
    words = [("Maria", "Keller", "flew", "to", "Oslo", ".")[: 1 + each % 6] for each in range(40)]
    model = bundle.manifest
    tagger = Tagger(Encoder(bundle.file(TOKENIZER)), model.labels, backend, max_length=64, vocabulary=model.vocabulary)
    with Tagger.open(bundle, candidate=Wanted(precision="fp16"), allow_uncertified=True) as other:
        expected = other.word_logits(words)
    assert np.abs(tagger.word_logits(words) - expected).max() < 0.02 * np.abs(expected).max()
    given = row(3, 64)
    batch = Batch(given["input_ids"], given["segment_ids"], given["position_ids"])
    assert backend.logits(batch).shape == (3, 64, len(model.labels))


def test_attention_is_shown_as_it_is_wished(bundle: Bundle) -> None:
    library = FakeBuilding(FakeCuda(), zeros)
    library.inspected = inspected(bundle, "Half")
    tensorrt_options = TensorRTOptions(slots=64, level=5, attention="operator")
    built(
        bundle,
        tensorrt_options,
        here=H100,
        library=library,
        phases=Phases,
        environment={"NERVE_CACHE": str(bundle.path.parent)},
    )
    assert [node.op_type for node in library.parsed[0][0].graph.node].count("Attention") == 2
    assert library.configs[0].builder_optimization_level == 5


def test_an_engine_that_computes_in_fp32_is_refused(bundle: Bundle) -> None:
    library = FakeBuilding(FakeCuda(), zeros)
    library.inspected = inspected(bundle, "Float")
    with pytest.raises(BundleError, match=r"packed-fp16\.plan on tensorrt: not what its name says: .*100\.0% fp32"):
        engines_of(bundle, library)


def inspected(bundle: Bundle, kind: str) -> str:
    nodes = onnx.load(bundle.file(FP16.file), load_external_data=False).graph.node
    layers = ", ".join(
        f'{{"Name": "l", "LayerType": "gemm", "Inputs": [{{"DataType": "{kind}"}}], '
        f'"Metadata": "[ONNX Layer: {node.name}]"}}'
        for node in nodes
        if node.op_type == "MatMul"
    )
    return f'{{"Layers": [{layers}]}}'


def test_a_bundle_without_packed_graphs_in_lower_precision_gets_none(tiny_bundle: Path) -> None:
    with pytest.raises(BundleError, match="this architecture has none; leave --tensorrt out"):
        engines_of(open_bundle(tiny_bundle), FakeBuilding(FakeCuda(), zeros))


def test_no_gpu_and_no_library_are_told_before_anything_else() -> None:
    with pytest.raises(BackendError, match="this machine has no NVIDIA GPU"):
        check_tensorrt(None, missing="")
    with pytest.raises(BackendError, match="'cuda-python' is not installed; run make setup GPU=1"):
        check_tensorrt(H100, missing="cuda-python")
    check_tensorrt(H100, missing="")


def test_without_a_gpu_export_says_so_in_a_line(tiny_model: Path, tiny_corpus: Path, command: Command) -> None:
    if gpu() is not None:
        pytest.skip("this machine has a GPU")
    said = command("export", "--model", tiny_model, "--corpus", tiny_corpus, "--tensorrt")
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert "--tensorrt: this machine has no NVIDIA GPU, or no driver for it; leave --tensorrt out" in said.stderr
