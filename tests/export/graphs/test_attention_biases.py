"""Biases of attention, moved: the same logits, and no addition where a GPU would copy for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from export.graphs.attention_biases import (
    layers_behind_values,
    with_moved_biases,
    with_query_biases_alone,
    with_value_biases_folded,
)
from export.quantize.linear_layers import linear_layers
from runtime.errors import BugError
from tests.export.graphs.random_models import Packed

# One of each way in which modules, tables and shared weights differ.
_ARCHITECTURES = ("bert", "distilbert", "albert", "electra", "mpnet", "roberta")


@pytest.fixture(scope="module", params=_ARCHITECTURES)
def packed(request: pytest.FixtureRequest, packed_of: Callable[[str], Packed]) -> onnx.ModelProto:
    """A packed fp32 graph whose biases are all large and all different."""
    return onnx.load(packed_of(request.param).file)


def logits(model: onnx.ModelProto) -> NDArray[np.float32]:
    """Of two rows of two windows, with slots that hold nothing. [slots that hold something, labels]"""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(1).integers(5, 60, (2, 32))
    segments = np.repeat([[0] * 14 + [1] * 12 + [-1] * 6], 2, axis=0)
    positions = np.repeat([[*range(14), *range(12), *[0] * 6]], 2, axis=0)
    found: NDArray[np.float32] = session.run(
        None, {"input_ids": ids, "position_ids": positions, "segment_ids": segments}
    )[0]
    return found[segments >= 0]


def test_a_layer_has_no_bias_twice(packed: onnx.ModelProto) -> None:
    """Or the tests below would not see one in another's place."""
    layers = linear_layers(packed)
    for number in range(2):
        biases = [layer.bias for layer in layers if layer.name.startswith(f"/layers.{number}/")]
        assert len(biases) == 6
        assert all(bias.any() for bias in biases)
        assert not any(np.array_equal(one, other) for one, other in itertools.combinations(biases, 2))


def test_logits_stay(packed: onnx.ModelProto) -> None:
    expected = logits(packed)
    for change in (with_moved_biases, with_value_biases_folded, with_query_biases_alone):
        changed = change(packed)
        assert np.abs(logits(changed) - expected).max() < 2e-5 * np.abs(expected).max()


def test_keys_and_values_have_no_bias_and_queries_have_it_in_heads(packed: onnx.ModelProto) -> None:
    before, changed = packed.SerializeToString(), with_moved_biases(packed)
    assert packed.SerializeToString() == before
    onnx.checker.check_model(changed)
    count = sum(node.op_type == "Softmax" for node in packed.graph.node)
    adds = [sum(node.op_type == "Add" for node in each.graph.node) for each in (packed, changed)]
    assert adds[0] - adds[1] == 2 * count
    constants = {tensor.name: tuple(tensor.dims) for tensor in changed.graph.initializer}
    in_heads = [name for node in changed.graph.node if node.op_type == "Add" for name in node.input]
    assert [constants[name] for name in in_heads if name.endswith("/heads")] == [(4, 1, 8)] * count


def test_every_linear_layer_is_still_found_where_biases_are_folded(packed: onnx.ModelProto) -> None:
    layers = {layer.name: layer for layer in linear_layers(with_value_biases_folded(packed))}
    assert layers.keys() == {layer.name for layer in linear_layers(packed)}
    behind = layers_behind_values(packed)
    assert len(behind) == sum(node.op_type == "Softmax" for node in packed.graph.node)
    for value, out in behind.items():
        assert not layers[value].bias.any()
        assert layers[out].bias.any()


def test_an_attention_of_another_form_is_a_bug(packed: onnx.ModelProto) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(packed)
    next(node for node in other.graph.node if node.op_type == "Softmax").input[0] = "nothing"
    with pytest.raises(BugError, match="no MatMul above a tensor of an attention"):
        with_moved_biases(other)
