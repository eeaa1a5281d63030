"""Portable engines, by the real builder of TensorRT for RTX: it needs no GPU, and says what it made of each graph.

A fusion that is lost or a cast more fails here, by the name of the graph. The numbers are those of the version in
constraints.txt; fewer kernels are welcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import pytest
import transformers

from bench.gpu.engines.graphs import engine_graphs, turing_graph
from export.certify.attest.graph import attest_graph
from export.engines.api import PortableBuilding, open_portable_building
from export.engines.build import add_profiles, new_builder
from export.engines.build_log import BuildLog
from export.engines.build_progress import Phases
from export.engines.facts import built_facts
from export.engines.options import TURING
from export.engines.portable import CAPABILITIES, portable_from_graph
from export.engines.profiles import profiles_for
from export.engines.timing_cache import give_times
from export.graphs.fp16 import fp16_from_graph
from export.graphs.packed import packed_from_checkpoint
from export.torch_model import load_model
from runtime.bundle.manifest import Profile
from runtime.bundle.store import Graph
from runtime.errors import BackendError
from runtime.system.libraries import installed_version
from tests.tiny import tiny_checkpoint

_VERSION = "1.7.1.116"
# 4 x 64 and 1 x 64: what is counted is that of a run, and does not depend on the size of a batch.
_PROFILES = profiles_for(64, slots=256)
_FP8_CAPABILITIES = ("8.9", "12.0", "12.1")


class Limits(NamedTuple):
    """The most kernels of a run, casts inside kernels, and kernels that only move numbers."""

    kernels: int
    casts: int
    moves: int


# Two layers, and what comes before and after them. In int8 an outlier channel in front of each feed-forward layer is
# multiplied apart, as in most layers of MiniLM: one kernel more for each second one.
_BERT = {
    "packed-fp16.onnx": Limits(21, 15, 1),
    "padded-fp16.onnx": Limits(24, 17, 2),
    "packed-fp8.onnx": Limits(27, 21, 1),
    "packed-int8.onnx": Limits(30, 23, 1),
}
# Padded rows compute their positions from which ids are there.
_ROBERTA = {**_BERT, "padded-fp16.onnx": Limits(26, 18, 2)}
_WIDER = {
    "packed-fp16.onnx": Limits(22, 15, 2),
    "padded-fp16.onnx": Limits(25, 17, 2),
    "packed-fp8.onnx": Limits(28, 22, 1),
    "packed-int8.onnx": Limits(32, 24, 1),
}
_MPNET = {
    "packed-fp16.onnx": Limits(22, 20, 1),
    "padded-fp16.onnx": Limits(27, 23, 1),
    "packed-fp8.onnx": Limits(28, 26, 1),
    "packed-int8.onnx": Limits(29, 28, 1),
}
ARCHITECTURES: Mapping[str, Mapping[str, Limits]] = {
    **dict.fromkeys(("bert", "distilbert"), _BERT),
    **dict.fromkeys(("roberta", "xlm-roberta", "camembert"), _ROBERTA),
    **dict.fromkeys(("albert", "electra"), _WIDER),
    "mpnet": _MPNET,
}
_QUICK = ("packed-fp16.onnx",)


@pytest.fixture(scope="module")
def library() -> PortableBuilding:
    if installed_version("tensorrt_rtx", ("tensorrt-rtx-cu13",)) != _VERSION:
        pytest.skip(f"tensorrt-rtx-cu13 {_VERSION}, which these numbers are of, is not installed")
    return open_portable_building()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a folder for each architecture."""
    return tmp_path_factory.mktemp("portable")


def model_of(folders: Path, architecture: str) -> transformers.PreTrainedModel:
    return load_model(tiny_checkpoint(folders / architecture / "model", architecture=architecture))


def check(folder: Path, graph: Graph, limits: Limits, layers: int, library: PortableBuilding) -> None:
    """Build and attest an engine, and hold it to its limits."""
    capabilities = _FP8_CAPABILITIES if graph.precision == "fp8" else CAPABILITIES
    facts, _ = built_facts(
        folder / graph.file, graph, profiles=_PROFILES, library=library, folder=folder, capabilities=capabilities
    )
    print(facts)
    assert (facts.attention, facts.fused_attention) == (layers, layers), graph.file
    assert facts.kernels <= limits.kernels, graph.file
    assert facts.casts <= limits.casts, graph.file
    assert facts.moves <= limits.moves, graph.file
    # The engine does no work in another precision than its graph: 8 bits in 8 bits, the classifier in fp32.
    promised = attest_graph(folder / graph.file, graph).shares
    assert facts.shares == pytest.approx(promised, abs=2e-4), graph.file
    assert set(facts.shares) <= {graph.precision, "fp16", "fp32"}
    assert facts.plan_bytes > 0 < facts.scratch_bytes


def test_bert_in_every_precision(folders: Path, library: PortableBuilding) -> None:
    graphs = engine_graphs(model_of(folders, "bert"), folders / "bert")
    assert {graph.file for graph in graphs} == {*_BERT}
    for graph in graphs:
        check(folders / "bert", graph, _BERT[graph.file], 2, library)


@pytest.mark.parametrize("architecture", ["distilbert", "roberta", "albert", "mpnet"])
def test_packed_rows_in_fp16(architecture: str, folders: Path, library: PortableBuilding) -> None:
    (graph,) = engine_graphs(model_of(folders, architecture), folders / architecture, layers_in="fp16")
    check(folders / architecture, graph, ARCHITECTURES[architecture][graph.file], 2, library)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_in_every_precision(architecture: str, tmp_path: Path, library: PortableBuilding) -> None:
    for graph in engine_graphs(model_of(tmp_path, architecture), tmp_path / architecture):
        check(tmp_path / architecture, graph, ARCHITECTURES[architecture][graph.file], 2, library)


_MINILM = {
    "packed-fp16.onnx": Limits(53, 39, 1),
    "padded-fp16.onnx": Limits(76, 41, 8),
    "packed-fp8.onnx": Limits(71, 57, 1),
    "packed-int8.onnx": Limits(82, 63, 1),
}


def shaped(folder: Path, hidden: int, layers: int, heads: int) -> transformers.PreTrainedModel:
    """A BERT of that shape with random weights and a small vocabulary."""
    config = transformers.BertConfig(
        vocab_size=1000,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        num_labels=9,
    )
    transformers.BertForTokenClassification(config).save_pretrained(folder)
    return load_model(folder)


@pytest.mark.slow
def test_minilms_shape_in_every_precision(tmp_path: Path, library: PortableBuilding) -> None:
    for graph in engine_graphs(shaped(tmp_path / "model", 384, 6, 12), tmp_path):
        check(tmp_path, graph, _MINILM[graph.file], 6, library)


@pytest.mark.slow
def test_bert_larges_shape(tmp_path: Path, library: PortableBuilding) -> None:
    limits = {"packed-fp16.onnx": Limits(197, 147, 1), "packed-fp8.onnx": Limits(269, 219, 1)}
    for graph in engine_graphs(shaped(tmp_path / "model", 1024, 24, 16), tmp_path, layers_in="fp16 fp8"):
        check(tmp_path, graph, limits[graph.file], 24, library)


def test_the_classifier_is_fp32_in_the_engine(folders: Path, library: PortableBuilding) -> None:
    (graph,) = engine_graphs(model_of(folders, "electra"), folders / "electra", layers_in="fp16")
    _, layers = built_facts(
        folders / "electra" / graph.file, graph, profiles=_PROFILES, library=library, folder=folders / "electra"
    )
    own = [layer for layer in layers if layer.is_matrix and "/classifier/MatMul" in layer.nodes]
    assert own
    assert {layer.precision for layer in own} == {"fp32"}


def test_turing_wants_all_in_fp16_and_says_so(folders: Path, library: PortableBuilding) -> None:
    folder, model = folders / "camembert", model_of(folders, "camembert")
    (graph,) = engine_graphs(model, folder, layers_in="fp16")
    given: Any = {"profiles": _PROFILES, "library": library, "folder": folder, "capabilities": (TURING,)}
    with pytest.raises(BackendError, match=r"FP32 GEMM is not supported.*; build for GPUs of compute capability 8\.0"):
        built_facts(folder / graph.file, graph, **given)
    whole = turing_graph(model, folder)
    facts, _ = built_facts(folder / whole.file, whole, **given)
    assert (facts.shares, facts.fused_attention) == ({"fp16": 1.0}, 2)


def test_data_center_gpus_are_refused_by_name(folders: Path, library: PortableBuilding, tmp_path: Path) -> None:
    (graph,) = engine_graphs(model_of(folders, "bert-uncased"), folders / "bert-uncased", layers_in="fp16")
    source = folders / "bert-uncased" / graph.file
    with pytest.raises(BackendError, match=r"does not build for compute capability 9\.0; choose among 8\.0, 8\.6"):
        portable_from_graph(
            source,
            tmp_path / "x.plan",
            graph,
            profiles=_PROFILES,
            library=library,
            phases=Phases(),
            capabilities=("8.9", "9.0"),
        )
    assert not (tmp_path / "x.plan").exists()


def test_the_record_says_what_it_runs_on(folders: Path, library: PortableBuilding, tmp_path: Path) -> None:
    made = packed_from_checkpoint(model_of(folders, "roberta"), tmp_path / "packed-fp32.onnx")
    graph = fp16_from_graph(tmp_path / made.file, tmp_path / "packed-fp16.onnx", made, (), threads=1).graph
    phases = Phases()
    built = portable_from_graph(
        tmp_path / graph.file, tmp_path / "x.plan", graph, profiles=_PROFILES, library=library, phases=phases
    )
    engine = built.engine
    assert (engine.backend, engine.gpu, engine.compute_capability) == ("tensorrt-rtx", "", "8.0, 8.6, 8.9, 12.0, 12.1")
    assert engine.built_for == "any GPU (sm_80, sm_86, sm_89, sm_120, sm_121, TensorRT for RTX 1.7)"
    assert (engine.profiles, engine.tensorrt) == (_PROFILES, _VERSION)
    assert (tmp_path / "x.plan").stat().st_size > 0


def test_a_graph_that_it_cannot_read_is_one_line(library: PortableBuilding, tmp_path: Path) -> None:
    node = onnx.helper.make_node("Wrong", ["a"], ["b"], "/wrong", domain="nobody")
    tensors = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in ("a", "b")]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", tensors[:1], tensors[1:]))
    onnx.save(model, tmp_path / "wrong.onnx")
    graph = Graph("wrong.onnx", "fp16", "packed", 17, ("a",))
    with pytest.raises(BackendError, match=r"TensorRT cannot read it \(/wrong: "):
        portable_from_graph(
            tmp_path / graph.file, tmp_path / "x.plan", graph, profiles=_PROFILES, library=library, phases=Phases()
        )


def test_a_profile_that_the_bindings_raise_for_is_one_line(library: PortableBuilding) -> None:
    """set_shape raises RuntimeError, and does not give back False."""
    log = BuildLog(library)
    builder = new_builder(library, log)
    impossible = (Profile(-1, 64), Profile(4, 64))
    with pytest.raises(BackendError, match="it refuses batches of 4 x 64"):
        add_profiles(builder, builder.create_builder_config(), ("input_ids",), [impossible], log)


@pytest.mark.filterwarnings("ignore:Use Deprecated:DeprecationWarning")
def test_times_that_do_not_fit_are_no_failure_and_no_cause(library: PortableBuilding, tmp_path: Path) -> None:
    """The real library gives back an empty cache for damaged times, not None, and tells errors."""
    log = BuildLog(library)
    config = new_builder(library, log).create_builder_config()
    assert config.create_timing_cache(b"damaged") is not None
    assert log.errors
    cache = tmp_path / "kernel.timing"
    cache.write_bytes(b"damaged")
    assert give_times(config, cache, log) is not None
    assert not log.errors
    assert "it does not say why" in str(log.failure("an engine", "it cannot be built"))


def test_what_the_code_names_of_it_is_there(library: PortableBuilding) -> None:
    for capability in (*CAPABILITIES, TURING):
        assert hasattr(library.ComputeCapability, f"SM{capability.replace('.', '')}")
    assert "REQUIRE_USER_ALLOCATION" in library.BuilderFlag.__members__
    assert not hasattr(library.ComputeCapability, "SM90")


def test_a_stopped_build_leaves_nothing(folders: Path, library: PortableBuilding, tmp_path: Path) -> None:
    (graph,) = engine_graphs(model_of(folders, "distilbert"), tmp_path, layers_in="fp16")
    phases = Phases()
    phases.stopped = True
    with pytest.raises(KeyboardInterrupt):
        portable_from_graph(
            tmp_path / graph.file,
            tmp_path / "x.plan",
            graph,
            profiles=_PROFILES,
            library=library,
            phases=phases,
        )
    assert not (tmp_path / "x.plan").exists()
