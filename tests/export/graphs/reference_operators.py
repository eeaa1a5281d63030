"""ONNX Runtime's operators as their schemas say, for graphs that only a GPU runs."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from export.graphs.ort_fusions import DOMAIN
from runtime.batch.batches import Batch


def logits_by_reference(file: Path, batch: Batch) -> NDArray[np.float32]:
    """What ONNX's reference, with the operators below, makes of a batch. [rows, length, labels]"""
    operators: list[type[OpRun]] = [RemovePadding, RestorePadding, PackedMultiHeadAttention]
    operators += [MultiHeadAttention, SkipLayerNormalization, BiasGelu]
    model = onnx.load(file)
    evaluator = ReferenceEvaluator(model, new_ops=operators)
    with np.errstate(all="ignore"):  # MPNet takes the logarithm of distances, 0 among them
        answers: Any = evaluator.run(None, dict(batch.named([each.name for each in model.graph.input])))
    found: NDArray[np.float32] = answers[0]
    return found


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


class MultiHeadAttention(OpRun):
    """With query, key and value in one tensor, head by head."""

    op_domain = DOMAIN

    def _run(
        self,
        joined: NDArray[Any],
        key: None,
        value: None,
        bias: NDArray[Any],
        padding: None,
        scores_bias: NDArray[Any],
        num_heads: int = 1,
        scale: float = 0.0,
        **_: Any,
    ) -> tuple[NDArray[Any]]:
        assert key is value is padding is None
        rows, length, heads, three, size = joined.shape
        assert (heads, three, scale) == (num_heads, 3, 1.0)
        queries, keys, values = np.moveaxis(joined, 3, 0) + bias.reshape(3, 1, 1, heads, size)
        scores = np.einsum("rihs,rjhs->rhij", queries, keys) + scores_bias
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return (np.einsum("rhij,rjhs->rihs", shares, values).reshape(rows, length, -1),)


class SkipLayerNormalization(OpRun):
    """Of tokens one after another, or in rows; it adds up in fp32."""

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
        total = value.astype(np.float32) + skip + (0 if bias is None else bias)
        spread = np.sqrt(total.var(axis=-1, keepdims=True) + epsilon)
        found = (total - total.mean(axis=-1, keepdims=True)) / spread * weight + shift
        return (found.astype(value.dtype),)


class BiasGelu(OpRun):
    """With the error function."""

    op_domain = DOMAIN

    def _run(self, value: NDArray[Any], bias: NDArray[Any]) -> tuple[NDArray[Any]]:
        total = value + bias
        erf = np.vectorize(math.erf, otypes=[total.dtype])
        return ((0.5 * total * (1 + erf(total / math.sqrt(2)))).astype(value.dtype),)
