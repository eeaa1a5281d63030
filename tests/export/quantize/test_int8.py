"""int8: what is rounded, how well, and what is left out of it."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from export.quantize.activations import sampled, text_batches
from export.quantize.gptq import LARGEST, gptq_weights, rounding_of
from export.quantize.int8 import int8_from_graph
from export.quantize.linear_layers import Int8Layer, LinearLayer, Rounded, in_int8, linear_layers
from export.quantize.sensitivity import Probe, change, leave_out
from runtime.bundle.store import TOKENIZER, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.errors import CorpusError
from runtime.system.cpu import SEVEN_BIT_LARGEST, cpu_features
from runtime.text.conll import read_conll
from tests.tiny import LABELS

Array = NDArray[np.float32]


def text(corpus: Path) -> list[tuple[str, ...]]:
    """Sentences of the training part."""
    return [sentence.words for sentence in read_conll(corpus / "train.txt")]


def layer(weights: Array, *, name: str = "product") -> LinearLayer:
    return LinearLayer(name, "input", weights, np.zeros(weights.shape[1], np.float32), "add", 1)


def result(values: Array, rounded: Rounded, made: Int8Layer, weights: Array) -> Array:
    """What the int8 form of a product computes, in numpy."""
    stored = np.clip(np.round((values - rounded.centre) * rounded.scale / rounded.step), -127, 127) * rounded.step
    inner = stored @ (made.weights * made.step) + made.bias
    outlier_channels = list(rounded.outlier_channels)
    answer: Array = inner + values[:, outlier_channels] @ weights[outlier_channels]
    return answer


def plain(values: Array, weights: Array) -> Array:
    """The simplest int8: one step a tensor for values, one a column for weights."""
    step, steps = np.abs(values).max() / 127, np.abs(weights).max(axis=0) / 127
    answer: Array = (np.round(values / step) * step) @ (np.round(weights / steps) * steps)
    return answer


def relative(expected: Array, found: Array) -> float:
    return float(np.linalg.norm(expected - found) / np.linalg.norm(expected))


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(3)


def test_uneven_channels_are_rounded_far_better_than_plainly(chance: np.random.Generator) -> None:
    values = chance.normal(size=(2000, 64)).astype(np.float32)
    values = values * np.geomspace(0.1, 10, 64, dtype=np.float32) + np.linspace(-3, 3, 64, dtype=np.float32)
    weights = (chance.normal(size=(64, 32)) / np.geomspace(0.1, 10, 64)[:, None]).astype(np.float32)
    rounded = rounding_of(values, weights)
    made = gptq_weights(values, rounded, [layer(weights)])[0]
    ours = relative(values @ weights, result(values, rounded, made, weights))
    assert ours < 0.015
    assert ours < relative(values @ weights, plain(values, weights)) / 3


def test_compensated_rounding_beats_the_nearest_where_inputs_go_together(chance: np.random.Generator) -> None:
    values = (chance.normal(size=(4000, 8)) @ chance.normal(size=(8, 64))).astype(np.float32)
    values += 0.05 * chance.normal(size=values.shape).astype(np.float32)
    weights = chance.normal(size=(64, 32)).astype(np.float32)
    rounded = rounding_of(values, weights)
    made = gptq_weights(values, rounded, [layer(weights)])[0]
    divided = weights / rounded.scale[:, None]
    nearest = Int8Layer(np.round(divided / made.step).astype(np.int8), made.step, rounded.centre @ weights)
    expected = values @ weights
    by_nearest = relative(expected, result(values, rounded, nearest, weights))
    assert relative(expected, result(values, rounded, made, weights)) < by_nearest / 1.15


def test_a_channel_beyond_all_likeness_is_multiplied_apart(chance: np.random.Generator) -> None:
    values = chance.normal(size=(2000, 128)).astype(np.float32)
    weights = chance.normal(size=(128, 16)).astype(np.float32)
    values[::50, 7] = 300
    weights[7] *= 5
    rounded = rounding_of(values, weights)
    assert rounded.outlier_channels == (7,)
    assert rounded.scale[7] == 0
    ordinary = np.arange(2000) % 50 != 0
    made = gptq_weights(values, rounded, [layer(weights)])[0]
    found = result(values, rounded, made, weights)
    assert relative((values @ weights)[ordinary], found[ordinary]) < 0.015
    assert relative((values @ weights)[ordinary], plain(values, weights)[ordinary]) > 0.3


def test_products_that_share_an_input_share_its_rounding(chance: np.random.Generator) -> None:
    values = chance.normal(size=(500, 16)).astype(np.float32)
    members = [layer(chance.normal(size=(16, size)).astype(np.float32)) for size in (4, 8)]
    rounded = rounding_of(values, np.concatenate([each.weights for each in members], axis=1))
    made = gptq_weights(values, rounded, members)
    assert [each.weights.shape for each in made] == [(16, 4), (16, 8)]
    for each, member in zip(made, members):
        assert relative(values @ member.weights, result(values, rounded, each, member.weights)) < 0.02


def test_constant_and_empty_channels_do_no_harm(chance: np.random.Generator) -> None:
    values = chance.normal(size=(300, 16)).astype(np.float32)
    values[:, 3], values[:, 4] = 0, 5
    weights = chance.normal(size=(16, 4)).astype(np.float32)
    weights[:, 2] = 0
    rounded = rounding_of(values, weights)
    found = result(values, rounded, gptq_weights(values, rounded, [layer(weights)])[0], weights)
    assert np.isfinite(found).all()
    assert relative(values @ weights, found) < 0.02


def test_graph_in_int8_computes_what_the_formula_says(tiny_bundle: Path, tiny_corpus: Path) -> None:
    path = tiny_bundle / "packed-fp32.onnx"
    model = onnx.load(path)
    chosen = [each for each in linear_layers(model) if "/down/" in each.name]
    batches = text_batches(Encoder(tiny_bundle / TOKENIZER), text(tiny_corpus), max_length=64, most=4)
    values = sampled(model, [each.input for each in chosen], batches, threads=1)
    # Weights of 7 bits: of larger ones the engine computes something else where the CPU has no VNNI.
    rounded = {each.input: rounding_of(values[each.input], each.weights, most=SEVEN_BIT_LARGEST) for each in chosen}
    # One channel apart, so that this way through the graph is walked too.
    first = rounded[chosen[0].input]
    scale = first.scale.copy()
    scale[5] = 0
    rounded[chosen[0].input] = Rounded(np.where(scale > 0, first.centre, 0), scale, first.step, (5,))
    made = {
        each.name: gptq_weights(values[each.input], rounded[each.input], [each], most=SEVEN_BIT_LARGEST)[0]
        for each in chosen
    }
    changed = in_int8(model, rounded, made)
    # The first product's input is the same in both graphs.
    outputs = [node.output[0] for node in model.graph.node if node.name == chosen[0].add]
    found = sampled(changed, outputs, batches, threads=1)[outputs[0]]
    expected = result(values[chosen[0].input], rounded[chosen[0].input], made[chosen[0].name], chosen[0].weights)
    # Values in the middle between two steps may go either way.
    assert relative(expected, found) < 1e-3
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in changed.graph.node}
    assert all(tensor.data_type != onnx.TensorProto.UINT8 for tensor in changed.graph.initializer)


def test_graph_with_nothing_chosen_is_the_same(tiny_bundle: Path) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    same = in_int8(model, {}, {})
    ids = np.array([[3, 9, 4]])
    feed = {"input_ids": ids, "position_ids": np.array([[0, 1, 2]]), "segment_ids": np.zeros_like(ids)}
    before, after = (
        onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)[0]
        for each in (model, same)
    )
    assert np.array_equal(before, after)


# A model of an accuracy: each product in int8 moves the logits by its own amount; (amount, MACs).
_HARM = {"coarse": (0.30, 100), "fine": (0.01, 100), "small": (0.29, 10), "other": (0.02, 200)}


def probe(words: int, *, seed: int = 0) -> Probe:
    chance = np.random.default_rng(seed)
    expected = chance.normal(size=(words, 4)).astype(np.float32)
    noise = {name: chance.normal(size=expected.shape).astype(np.float32) for name in _HARM}

    def measure(kept: Collection[str]) -> Array:
        moved = expected.copy()
        for name, (amount, _) in _HARM.items():
            moved += 0 if name in kept else amount * noise[name]
        return moved

    return Probe(measure, expected)


_WORK = {name: work for name, (_, work) in _HARM.items()}


def test_the_most_harmful_for_their_work_are_left_out_first() -> None:
    kept, found = leave_out(_WORK, probe(5000), lambda: probe(1000, seed=1), goal=300, most=0.5)
    assert [each.name for each in kept] == ["small", "coarse"]
    assert found.per_10k <= 300
    assert kept[0].changed_before > kept[0].changed_after == kept[1].changed_before > kept[1].changed_after
    assert "%" in kept[0].reason


def test_nothing_is_left_out_where_the_goal_holds() -> None:
    def never() -> Probe:
        raise AssertionError("no product need be tried")

    kept, found = leave_out(_WORK, probe(5000), never, goal=10_000, most=0.5)
    assert kept == []
    assert found.words == 5000


def test_no_more_is_left_out_than_allowed() -> None:
    kept, found = leave_out(_WORK, probe(5000), lambda: probe(1000, seed=1), goal=0, most=0.1)
    assert [each.name for each in kept] == ["small"]
    assert found.per_10k > 0


def test_what_is_like_any_other_or_does_not_help_stays_in_int8() -> None:
    kept, _ = leave_out(_WORK, probe(5000), lambda: probe(1000, seed=1), goal=0, most=1.0)
    assert {each.name for each in kept} == {"small", "coarse"}
    # Logits that move whatever is left out: the short text says that it helps, the long one that it does not.
    steady = probe(5000)
    moved = steady.measure(())
    assert leave_out(_WORK, Probe(lambda _: moved, steady.expected), lambda: probe(1000), goal=0, most=1.0)[0] == []


def test_what_moves_logits_is_left_out_even_if_a_tag_more_changes_by_chance() -> None:
    expected = np.array([[9, 0], [9, 0], [0.1, 0]], np.float32)
    all_in_int8 = np.array([[4, 0], [0, 3], [0.1, 0]], np.float32)
    without = np.array([[9, 0], [0, 1], [0, 0.1]], np.float32)
    long = Probe(lambda kept: without if "small" in kept else all_in_int8, expected)
    assert long.without(("small",)).tags > long.without(()).tags
    kept, found = leave_out(_WORK, long, lambda: long, goal=0, most=0.1)
    assert [each.name for each in kept] == ["small"]
    assert found == long.without(("small",))


def test_change_does_not_see_what_all_labels_have_in_common() -> None:
    expected = np.array([[1, 2], [5, 1]], np.float32)
    found = change(expected, expected + np.array([[3], [4]], np.float32))
    assert (found.words, found.tags) == (2, 0)
    assert math.isclose(found.movement, 0, abs_tol=1e-9)
    assert change(expected, expected[:, ::-1]).per_10k == 10_000


@pytest.mark.parametrize("seven_bit", [False, True])
def test_int8_of_a_bundle_s_graph(seven_bit: bool, tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    if not seven_bit and "vnni" not in cpu_features():
        pytest.skip("this CPU does not add 8 bits up exactly")
    manifest = open_bundle(tiny_bundle).manifest
    made = int8_from_graph(
        tiny_bundle / "packed-fp32.onnx",
        tmp_path / "packed-int8.onnx",
        tiny_bundle / TOKENIZER,
        text(tiny_corpus),
        max_length=manifest.max_length,
        vocabulary=manifest.vocabulary,
        labels=len(LABELS),
        threads=1,
        seven_bit=seven_bit,
        goal=1000,
    )
    assert made.graph.seven_bit == seven_bit
    kept = [numpy_helper.to_array(one) for one in onnx.load(tmp_path / "packed-int8.onnx").graph.initializer]
    largest = max(int(np.abs(one.astype(int)).max()) for one in kept if one.dtype == np.int8 and one.ndim == 2)
    assert largest == (SEVEN_BIT_LARGEST if seven_bit else LARGEST)
    assert (made.graph.precision, made.graph.layout) == ("int8", "packed")
    assert [each.name for each in made.kept] == ["/classifier/MatMul"]
    assert made.changed.words > 1000
    assert made.changed.per_10k < 1000
    assert made.changed.movement > 0
    graph = onnx.load(tmp_path / "packed-int8.onnx").graph
    # Two layers of six products, and their inputs: four a layer.
    assert sum(node.op_type == "DequantizeLinear" for node in graph.node) == 2 * (6 + 4)


def test_int8_wants_training_text(tiny_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(CorpusError, match="1 sentences"):
        int8_from_graph(
            tiny_bundle / "packed-fp32.onnx",
            tmp_path / "int8.onnx",
            tiny_bundle / TOKENIZER,
            [("one",)],
            max_length=64,
            vocabulary=300,
            labels=7,
            threads=1,
        )
    assert not any(tmp_path.iterdir())
