"""Channels that stand out: copied, so that int8 has a use for them, and nothing else of the graph changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.products import Int8Product, Product, Rounded, products
from export.rounding import compensated, rounding_of, staggered
from export.split import Split, split_of, with_copies

Array = NDArray[np.float32]


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(5)


def run(model: onnx.ModelProto, feed: dict[str, NDArray[np.generic]]) -> Array:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    logits: Array = session.run(None, feed)[0]
    return logits


def packed_feed(length: int = 24) -> dict[str, NDArray[np.generic]]:
    ids = np.random.default_rng(0).integers(5, 90, (2, length))
    segments = np.tile(np.arange(length) // 8, (2, 1))
    return {"input_ids": ids, "position_ids": np.tile(np.arange(length) % 8, (2, 1)), "segment_ids": segments}


def outlying(inputs: int, which: dict[int, float]) -> tuple[Array, Array]:
    """Reaches and weights where some channels can do so many times as much as the others."""
    reach = np.ones(inputs, np.float32)
    for channel, times in which.items():
        reach[channel] = times
    return reach, np.ones((inputs, 3), np.float32)


def test_where_no_channel_stands_out_nothing_is_copied() -> None:
    split = split_of(*outlying(200, {7: 1.4}))
    assert split.copies == 0
    assert split.source.tolist() == list(range(200))
    assert (split.share == 1).all()
    assert (split.offset == 0).all()


def test_a_channel_has_as_many_parts_as_make_it_like_the_others() -> None:
    split = split_of(*outlying(200, {7: 6.0, 90: 2.0}))
    assert split.copies == 3 + 1
    assert split.source[200:].tolist() == [7, 7, 7, 90]
    assert split.share[split.source == 7].tolist() == [0.25] * 4
    assert sorted(split.offset[split.source == 7].tolist()) == [-0.375, -0.125, 0.125, 0.375]
    assert sorted(split.offset[split.source == 90].tolist()) == [-0.25, 0.25]
    assert split.offset[split.source == 8].tolist() == [0]


def test_copies_are_bounded_and_the_largest_gives_way() -> None:
    split = split_of(*outlying(2000, {7: 1e6, 90: 6.0}))
    assert split.copies == 96
    assert np.count_nonzero(split.source == 90) == 4


def test_channels_that_do_nothing_at_all_are_no_trouble() -> None:
    reach = np.zeros(200, np.float32)
    reach[3] = 1
    assert split_of(reach, np.ones((200, 2), np.float32)).copies == 96
    assert split_of(np.zeros(8, np.float32), np.zeros((8, 2), np.float32)).copies == 0


def rounded_error(values: Array, weights: Array, split: Split, *, stagger: bool = True) -> Array:
    """Error of the product in int8, its tensor widened as told. [cells, outputs]"""
    wide, parts = values[:, split.source], weights[split.source] * split.share[:, None]
    rounded: Rounded = rounding_of(wide, parts)
    rounded = staggered(rounded, split.offset) if stagger else rounded
    given = Product("product", "input", parts, np.zeros(parts.shape[1], np.float32), "add", 1)
    made: Int8Product = compensated(wide, rounded, [given])[0]
    stored = np.clip(np.round((wide - rounded.centre) * rounded.scale / rounded.step), -127, 127) * rounded.step
    error: Array = stored @ (made.weights * made.step) + made.bias - values @ weights
    return error


def test_int8_does_less_harm_to_a_tensor_with_copies(chance: np.random.Generator) -> None:
    values = chance.normal(size=(3000, 128)).astype(np.float32)
    weights = chance.normal(size=(128, 16)).astype(np.float32)
    values[::50, 7] = 300
    weights[7] *= 5
    split = split_of((values.max(axis=0) - values.min(axis=0)) / 2, weights)
    assert split.copies > 20
    none = Split(np.arange(128), np.ones(128, np.float32), np.zeros(128, np.float32))
    ordinary = np.arange(3000) % 50 != 0
    before, after, together = (
        float(np.square(rounded_error(values, weights, each, stagger=stagger)[ordinary]).mean())
        for each, stagger in ((none, True), (split, True), (split, False))
    )
    assert after < before / 20
    assert after < together


@pytest.mark.parametrize("kind", ["down", "up", "out", "query"])
def test_the_graph_with_copies_computes_the_same(tiny_bundle: Path, kind: str) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    chosen = [each for each in products(model) if f"/{kind}/" in each.name]
    splits = {}
    for each in chosen:
        reach, weights = outlying(len(each.weights), {3: 9.0, 5: 30.0})
        splits[each.input] = split_of(reach, weights)
    changed, named = with_copies(model, splits)
    assert len(named) == len(splits)
    wide = {each.name: each for each in products(changed)}
    for each in chosen:
        assert wide[each.name].weights.shape == (len(splits[each.input].source), each.weights.shape[1])
        assert wide[each.name].input in named
    # The copies of what an activation gives come from the product before it: no node more.
    free = len(changed.graph.node) == len(model.graph.node)
    assert free == (kind == "down")
    assert np.abs(run(changed, packed_feed()) - run(model, packed_feed())).max() < 1e-5


def test_every_tensor_of_a_graph_can_be_widened_at_once(tiny_bundle: Path) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    splits = {each.input: split_of(*outlying(len(each.weights), {1: 8.0})) for each in products(model)}
    changed, named = with_copies(model, splits)
    assert len(named) == len(splits)
    assert np.abs(run(changed, packed_feed()) - run(model, packed_feed())).max() < 1e-5


def gated(*, seen_elsewhere: bool) -> onnx.ModelProto:
    """input -> first -> Relu -> second; or the Relu's input is an output as well."""
    chance = np.random.default_rng(1)
    tensors = {"w1": (4, 6), "b1": (6,), "w2": (6, 3), "b2": (3,)}
    constants = [
        numpy_helper.from_array(chance.normal(size=size).astype(np.float32), name) for name, size in tensors.items()
    ]
    nodes = [
        helper.make_node("MatMul", ["input", "w1"], ["p1"], "first"),
        helper.make_node("Add", ["p1", "b1"], ["a1"], "first/Add"),
        helper.make_node("Relu", ["a1"], ["r"], "Relu"),
        helper.make_node("MatMul", ["r", "w2"], ["p2"], "second"),
        helper.make_node("Add", ["b2", "p2"], ["logits"], "second/Add"),
    ]
    outputs = {"logits": 3, **({"a1": 6} if seen_elsewhere else {})}
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size]) for name, size in outputs.items()]
    given = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 4])]
    graph = helper.make_graph(nodes, "gated", given, infos, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


@pytest.mark.parametrize("seen_elsewhere", [False, True])
def test_what_others_see_is_not_widened_where_it_is_made(seen_elsewhere: bool) -> None:
    model = gated(seen_elsewhere=seen_elsewhere)
    changed, named = with_copies(model, {"r": split_of(*outlying(6, {2: 7.0}))})
    assert list(named) == (["r/wide"] if seen_elsewhere else ["r"])
    feed: dict[str, NDArray[np.generic]] = {"input": np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)}
    assert np.abs(run(changed, feed) - run(model, feed)).max() < 1e-5
