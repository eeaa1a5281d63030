"""Packed rows give each window the logits that the checkpoint gives it alone, whatever shares its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import transformers as hf
from numpy.typing import NDArray

from export.graphs.packed import INPUTS, can_pack, packed_from_checkpoint
from runtime.errors import CheckpointError
from tests.export.graphs.random_models import BERT, CONFIGS, POSITIONS, VOCABULARY, model_of


def row_of(windows: Sequence[NDArray[np.int64]], length: int) -> dict[str, NDArray[np.int64]]:
    """One row with these windows, and nothing in the token slots that are left."""
    row = {name: np.zeros((1, length), np.int64) for name in INPUTS}
    row["segment_ids"] -= 1
    at = 0
    for number, ids in enumerate(windows):
        slots = slice(at, at + len(ids))
        row["input_ids"][0, slots] = ids
        row["position_ids"][0, slots] = np.arange(len(ids))
        row["segment_ids"][0, slots] = number
        at += len(ids)
    return row


def alone(model: hf.PreTrainedModel, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """The checkpoint's own logits. [tokens, labels]"""
    given = torch.from_numpy(ids)[None]
    with torch.inference_mode():
        logits: NDArray[np.float32] = model(input_ids=given, attention_mask=torch.ones_like(given)).logits[0].numpy()
    return logits


@pytest.mark.parametrize("name", CONFIGS)
def test_window_gets_what_it_gets_alone(name: str, tmp_path: Path) -> None:
    model = model_of(CONFIGS[name])
    graph = packed_from_checkpoint(model, tmp_path / "packed.onnx")
    assert (graph.layout, graph.precision, graph.inputs) == ("packed", "fp32", INPUTS)
    session = onnxruntime.InferenceSession(tmp_path / "packed.onnx", providers=["CPUExecutionProvider"])
    chance = np.random.default_rng(1)
    windows = [chance.integers(2, VOCABULARY, size) for size in (9, 1, POSITIONS, 3)]
    one = row_of(windows, 64)
    # A second row, of one window and nothing, and a third with nothing at all.
    rows = [one, row_of(windows[:1], 64), row_of([], 64)]
    logits = session.run(None, {each: np.concatenate([row[each] for row in rows]) for each in INPUTS})[0]
    assert np.isfinite(logits).all()
    at = 0
    for window in windows:
        expected = alone(model, window)
        difference = np.abs(logits[0, at : at + len(window)] - expected).max()
        assert difference < 1e-5 * max(1, np.abs(expected).max())
        at += len(window)
    assert np.array_equal(logits[1, :9], logits[0, :9])


def test_nothing_of_another_window_is_seen(tmp_path: Path) -> None:
    packed_from_checkpoint(model_of(CONFIGS["bert"]), tmp_path / "packed.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "packed.onnx", providers=["CPUExecutionProvider"])
    chance = np.random.default_rng(2)
    first, second, other = (chance.integers(2, VOCABULARY, size) for size in (7, 9, 9))
    one, two = (session.run(None, row_of([first, each], 16))[0][0] for each in (second, other))
    assert np.array_equal(one[:7], two[:7])
    assert not np.allclose(one[7:], two[7:])


def test_axes_are_dynamic(tmp_path: Path) -> None:
    packed_from_checkpoint(model_of(CONFIGS["bert"]), tmp_path / "packed.onnx")
    graph = onnx.load(tmp_path / "packed.onnx").graph
    for node in (*graph.input, *graph.output):
        assert all(axis.dim_param for axis in node.type.tensor_type.shape.dim[:2])


def test_what_cannot_be_packed_is_refused(tmp_path: Path) -> None:
    model = model_of(hf.BertConfig(**BERT, position_embedding_type="relative_key"))
    assert not can_pack(model)
    with pytest.raises(CheckpointError, match="cannot be packed; use its padded graph"):
        packed_from_checkpoint(model, tmp_path / "packed.onnx")


def test_keys_reach_their_heads_as_queries_and_values_do(tmp_path: Path) -> None:
    packed_from_checkpoint(model_of(CONFIGS["bert"]), tmp_path / "packed.onnx")
    nodes = onnx.load(tmp_path / "packed.onnx").graph.node
    orders = [tuple(node.attribute[0].ints) for node in nodes if node.op_type == "Transpose"]
    # Query, key and value into their heads and the answer out of them; then the keys for their product.
    assert Counter(orders) == {(0, 2, 1, 3): 2 * 4, (0, 1, 3, 2): 2}
