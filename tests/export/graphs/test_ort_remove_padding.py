"""ONNX Runtime's packing mode: the logits stay, if its operators do what their schemas say; only a GPU runs them."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnxruntime import InferenceSession

from export.certify.attest.graph import attest_graph
from export.graphs.fp16 import fp16_from_graph
from export.graphs.ort_fusions import DOMAIN
from export.graphs.ort_remove_padding import packing_from_graph
from export.graphs.packed import packed_from_checkpoint
from export.torch_model import load_model
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import NOTHING, Batch
from runtime.bundle.store import Graph
from runtime.errors import BugError
from tests.tiny import tiny_checkpoint

_COUNTS = (9, 4, 12, 1)


class RemovePadding(OpRun):
    """As the operator's schema says: tokens first, then the token slots without one."""

    op_domain = DOMAIN

    def _run(self, hidden: NDArray[Any], counts: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        rows, length, size = hidden.shape
        filled = (np.arange(length) < counts[:, None]).reshape(-1)
        offsets = np.concatenate([np.flatnonzero(filled), np.flatnonzero(~filled)]).reshape(rows, length)
        starts = np.concatenate([[0], np.cumsum(counts)])
        indices = [each.astype(np.int32) for each in (offsets, starts, np.array([counts.max()]))]
        return (hidden.reshape(-1, size)[filled], *indices)


class RestorePadding(OpRun):
    """Zeros where there is no token."""

    op_domain = DOMAIN

    def _run(self, tokens: NDArray[Any], offsets: NDArray[Any]) -> tuple[NDArray[Any]]:
        whole = np.zeros((offsets.size, tokens.shape[1]), tokens.dtype)
        whole[offsets.reshape(-1)[: len(tokens)]] = tokens
        return (whole.reshape(*offsets.shape, -1),)


class PackedMultiHeadAttention(OpRun):
    """Each window by itself."""

    op_domain = DOMAIN

    def _run(
        self,
        query: NDArray[Any],
        key: NDArray[Any],
        value: NDArray[Any],
        bias: NDArray[Any] | None,
        offsets: NDArray[Any],
        starts: NDArray[Any],
        scores_bias: NDArray[Any] | None = None,
        num_heads: int = 1,
        scale: float = 0.0,
        **_: Any,
    ) -> tuple[NDArray[Any]]:
        assert bias is None
        assert scale == 1.0
        found = np.empty_like(value)
        for window, (start, end) in enumerate(itertools.pairwise(starts)):
            parts = (part[start:end].reshape(end - start, num_heads, -1) for part in (query, key, value))
            queries, keys, values = (part.transpose(1, 0, 2) for part in parts)
            scores = queries @ keys.transpose(0, 2, 1)
            if scores_bias is not None:
                scores = scores + scores_bias[window, :, : end - start, : end - start]
            shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
            attended = (shares / shares.sum(axis=-1, keepdims=True)) @ values
            found[start:end] = attended.transpose(1, 0, 2).reshape(end - start, -1)
        return (found,)


class SkipLayerNormalization(OpRun):
    """Of tokens one after another, or in rows."""

    op_domain = DOMAIN

    def _run(
        self,
        value: NDArray[Any],
        skip: NDArray[Any],
        weight: NDArray[Any],
        shift: NDArray[Any],
        bias: NDArray[Any] | None = None,
        epsilon: float = 0.0,
    ) -> tuple[NDArray[Any]]:
        total = value + skip + (0 if bias is None else bias)
        spread = np.sqrt(total.var(axis=-1, keepdims=True) + epsilon)
        return ((total - total.mean(axis=-1, keepdims=True)) / spread * weight + shift,)


class BiasGelu(OpRun):
    """With the error function."""

    op_domain = DOMAIN

    def _run(self, value: NDArray[Any], bias: NDArray[Any]) -> tuple[NDArray[Any]]:
        total = value + bias
        erf = np.vectorize(math.erf, otypes=[total.dtype])
        return (0.5 * total * (1 + erf(total / np.sqrt(2))),)


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
    operators: list[type[OpRun]] = [RemovePadding, RestorePadding, PackedMultiHeadAttention]
    operators += [SkipLayerNormalization, BiasGelu]
    evaluator = ReferenceEvaluator(onnx.load(tmp_path / packing.file), new_ops=operators)
    with np.errstate(all="ignore"):  # MPNet takes the logarithm of distances, 0 among them
        answers: Any = evaluator.run(None, dict(batch.named(packing.inputs)))
    assert np.abs(expected - answers[0])[batch.segment_ids >= 0].max() < 1e-4


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
