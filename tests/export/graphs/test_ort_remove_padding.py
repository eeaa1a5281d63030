"""ONNX Runtime's packing mode: the logits stay, if its operators do what their schemas say; only a GPU runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from export.certify.attest.graph import attest_graph
from export.graphs.fp16 import fp16_from_graph
from export.graphs.ort_remove_padding import packing_from_graph
from export.graphs.packed import packed_from_checkpoint
from export.torch_model import load_model
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import NOTHING, Batch
from runtime.bundle.store import Graph
from runtime.errors import BugError
from tests.export.graphs.reference_operators import logits_by_reference
from tests.tiny import tiny_checkpoint

_COUNTS = (9, 4, 12, 1)


def padded_rows() -> Batch:
    """A window a row, and padding behind it."""
    length = max(_COUNTS)
    filled = np.arange(length) < np.array(_COUNTS)[:, None]
    ids = np.random.default_rng(0).integers(5, 60, filled.shape)
    return Batch(
        np.where(filled, ids, 0),
        np.where(filled, 0, NOTHING),
        np.where(filled, np.arange(length), 0),
    )


def made(folder: Path, architecture: str = "bert") -> tuple[Graph, Graph]:
    """The packed graph and what becomes of it."""
    checkpoint = tiny_checkpoint(folder / "model", architecture=architecture)
    graph = packed_from_checkpoint(load_model(checkpoint), folder / "packed.onnx")
    return graph, packing_from_graph(folder / "packed.onnx", folder / "packing.onnx", graph)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "albert", "electra", "mpnet"])
def test_logits_stay(architecture: str, tmp_path: Path) -> None:
    graph, packing = made(tmp_path, architecture)
    assert (packing.layout, packing.inputs, packing.made_for) == ("padded", graph.inputs, "onnxruntime")
    assert not packing.capturable
    kinds = [node.op_type for node in onnx.load(tmp_path / packing.file).graph.node]
    counts = [kinds.count(name) for name in ("RemovePadding", "PackedMultiHeadAttention", "RestorePadding", "Softmax")]
    assert counts == [1, 2, 1, 0]
    batch = padded_rows()
    backend = OnnxRuntime(tmp_path / graph.file, layout="packed", streams=1, threads=1)
    expected = backend.logits(batch)
    backend.close()
    found = logits_by_reference(tmp_path / packing.file, batch)
    assert np.abs(expected - found)[batch.segment_ids >= 0].max() < 1e-4


@pytest.mark.parametrize("architecture", ["bert", "mpnet"])
def test_onnx_runtime_accepts_its_types_and_lacks_nothing_but_a_gpu(architecture: str, tmp_path: Path) -> None:
    _, packing = made(tmp_path, architecture)
    fp16 = fp16_from_graph(tmp_path / packing.file, tmp_path / "half.onnx", packing, [], threads=1)
    assert (fp16.graph.precision, fp16.graph.capturable) == ("fp16", False)
    for file in (packing.file, fp16.graph.file):
        # Types are checked before kernels are looked for, of which its CPU provider has none.
        with pytest.raises(Exception, match=r"NOT_IMPLEMENTED.*RemovePadding"):
            InferenceSession(tmp_path / file, providers=["CPUExecutionProvider"])


def test_its_work_is_that_of_the_packed_graph(tmp_path: Path) -> None:
    graph, packing = made(tmp_path)
    fp16 = fp16_from_graph(tmp_path / packing.file, tmp_path / "half.onnx", packing, [], threads=1)
    plain = attest_graph(tmp_path / graph.file, graph)
    for each in (packing, fp16.graph):
        told = attest_graph(tmp_path / each.file, each)
        assert told.macs == plain.macs
        assert told.attention_macs == plain.attention_macs
        assert (told.attention, told.fused_attention) == (2, 2)
    assert told.shares["fp16"] > 0.9


def test_another_graph_is_a_bug(tiny_bundle: Path, tmp_path: Path) -> None:
    graph = Graph("padded-fp32.onnx", "fp32", "padded", 17, ())
    with pytest.raises(BugError, match="was expected"):
        packing_from_graph(tiny_bundle / graph.file, tmp_path / "packing.onnx", graph)
