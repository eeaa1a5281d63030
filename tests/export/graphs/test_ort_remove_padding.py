"""ONNX Runtime's packing mode: the logits stay, if its operators do what their schemas say; only a GPU runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from export.certify.attest.graph import attest_graph
from export.graphs.fp16 import fp16_from_graph
from export.graphs.ort_remove_padding import packing_graph, without_padding
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import NOTHING, Batch
from runtime.errors import BugError
from tests.export.graphs.random_models import Packed
from tests.export.graphs.reference_operators import logits_by_reference

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


def in_fp32(packed: Packed, folder: Path) -> Packed:
    """What becomes of a packed graph."""
    onnx.save(without_padding(onnx.load(packed.file)), folder / "packing.onnx")
    return Packed(folder / "packing.onnx", replace(packing_graph(packed.graph), file="packing.onnx"))


def in_fp16(packed: Packed, folder: Path) -> Packed:
    """The same in fp16, as export makes it."""
    output, graph = folder / "half.onnx", packing_graph(packed.graph)
    made = fp16_from_graph(packed.file, output, graph, [], threads=1, change=without_padding)
    return Packed(output, made.graph)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "albert", "electra", "mpnet"])
def test_logits_stay(architecture: str, packed_of: Callable[[str], Packed], tmp_path: Path) -> None:
    packed = packed_of(architecture)
    packing = in_fp32(packed, tmp_path)
    assert (packing.graph.layout, packing.graph.inputs) == ("padded", packed.graph.inputs)
    assert (packing.graph.made_for, packing.graph.capturable) == ("onnxruntime", False)
    kinds = [node.op_type for node in onnx.load(packing.file).graph.node]
    counts = [kinds.count(name) for name in ("RemovePadding", "PackedMultiHeadAttention", "RestorePadding", "Softmax")]
    assert counts == [1, 2, 1, 0]
    batch = padded_rows()
    backend = OnnxRuntime(packed.file, layout="packed", streams=1, threads=1)
    expected = backend.logits(batch)
    backend.close()
    found = logits_by_reference(packing.file, batch)
    assert np.abs(expected - found)[batch.segment_ids >= 0].max() < 1e-4


@pytest.mark.parametrize("architecture", ["bert", "mpnet"])
def test_onnx_runtime_accepts_its_types_and_lacks_nothing_but_a_gpu(
    architecture: str, packed_of: Callable[[str], Packed], tmp_path: Path
) -> None:
    packed = packed_of(architecture)
    whole, half = in_fp32(packed, tmp_path), in_fp16(packed, tmp_path)
    assert (half.graph.precision, half.graph.capturable) == ("fp16", False)
    for each in (whole, half):
        # Types are checked before kernels are looked for, of which its CPU provider has none.
        with pytest.raises(Exception, match=r"NOT_IMPLEMENTED.*RemovePadding"):
            InferenceSession(each.file, providers=["CPUExecutionProvider"])


def test_its_work_is_that_of_the_packed_graph(packed_of: Callable[[str], Packed], tmp_path: Path) -> None:
    packed = packed_of("bert")
    plain = attest_graph(packed.file, packed.graph)
    for each in (in_fp32(packed, tmp_path), in_fp16(packed, tmp_path)):
        told = attest_graph(each.file, each.graph)
        assert told.macs == plain.macs
        assert told.attention_macs == plain.attention_macs
        assert (told.attention, told.fused_attention) == (2, 2)
    assert told.shares["fp16"] > 0.9


def test_another_graph_is_a_bug(tiny_bundle: Path) -> None:
    with pytest.raises(BugError, match="was expected"):
        without_padding(onnx.load(tiny_bundle / "padded-fp32.onnx"))
