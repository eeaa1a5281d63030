"""Quantization of arrays: how much better than plainly, and where the simplest forms of it go wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from export.quantize.gptq import gptq, gptq_weights, input_quantization, to_nearest
from export.quantize.linear_layers import InputQuantization, Int8Layer
from tests.export.quantize.int8_math import Array, layer, plain, relative, result


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(3)


def test_uneven_channels_are_rounded_far_better_than_plainly(chance: np.random.Generator) -> None:
    values = chance.normal(size=(2000, 64)).astype(np.float32)
    values = values * np.geomspace(0.1, 10, 64, dtype=np.float32) + np.linspace(-3, 3, 64, dtype=np.float32)
    weights = (chance.normal(size=(64, 32)) / np.geomspace(0.1, 10, 64)[:, None]).astype(np.float32)
    quantization = input_quantization(values, weights)
    made = gptq_weights(values, quantization, [layer(weights)])[0]
    ours = relative(values @ weights, result(values, quantization, made, weights))
    assert ours < 0.015
    assert ours < relative(values @ weights, plain(values, weights)) / 3


def test_compensated_rounding_beats_the_nearest_where_inputs_go_together(chance: np.random.Generator) -> None:
    values = (chance.normal(size=(4000, 8)) @ chance.normal(size=(8, 64))).astype(np.float32)
    values += 0.05 * chance.normal(size=values.shape).astype(np.float32)
    weights = chance.normal(size=(64, 32)).astype(np.float32)
    quantization = input_quantization(values, weights)
    made = gptq_weights(values, quantization, [layer(weights)])[0]
    divided = weights / quantization.scale[:, None]
    nearest = Int8Layer(np.round(divided / made.step).astype(np.int8), made.step, quantization.center @ weights)
    expected = values @ weights
    by_nearest = relative(expected, result(values, quantization, nearest, weights))
    assert relative(expected, result(values, quantization, made, weights)) < by_nearest / 1.15


def test_a_channel_beyond_all_likeness_is_multiplied_apart(chance: np.random.Generator) -> None:
    values = chance.normal(size=(2000, 128)).astype(np.float32)
    weights = chance.normal(size=(128, 16)).astype(np.float32)
    values[::50, 7] = 300
    weights[7] *= 5
    quantization = input_quantization(values, weights)
    assert quantization.outlier_channels == (7,)
    assert quantization.scale[7] == 0
    ordinary = np.arange(2000) % 50 != 0
    made = gptq_weights(values, quantization, [layer(weights)])[0]
    found = result(values, quantization, made, weights)
    assert relative((values @ weights)[ordinary], found[ordinary]) < 0.015
    assert relative((values @ weights)[ordinary], plain(values, weights)[ordinary]) > 0.3


def test_products_that_share_an_input_share_its_rounding(chance: np.random.Generator) -> None:
    values = chance.normal(size=(500, 16)).astype(np.float32)
    members = [layer(chance.normal(size=(16, size)).astype(np.float32)) for size in (4, 8)]
    quantization = input_quantization(values, np.concatenate([each.weights for each in members], axis=1))
    made = gptq_weights(values, quantization, members)
    assert [each.weights.shape for each in made] == [(16, 4), (16, 8)]
    for each, member in zip(made, members):
        assert relative(values @ member.weights, result(values, quantization, each, member.weights)) < 0.02


def test_constant_and_empty_channels_do_no_harm(chance: np.random.Generator) -> None:
    values = chance.normal(size=(300, 16)).astype(np.float32)
    values[:, 3], values[:, 4] = 0, 5
    weights = chance.normal(size=(16, 4)).astype(np.float32)
    weights[:, 2] = 0
    quantization = input_quantization(values, weights)
    found = result(values, quantization, gptq_weights(values, quantization, [layer(weights)])[0], weights)
    assert np.isfinite(found).all()
    assert relative(values @ weights, found) < 0.02


def test_without_a_text_every_weight_goes_to_the_nearest_step(chance: np.random.Generator) -> None:
    values = chance.normal(size=(500, 16)).astype(np.float32) + 2
    weights = chance.normal(size=(16, 4)).astype(np.float32)
    quantization = input_quantization(values, weights)
    made = to_nearest(layer(weights), quantization)
    back = made.weights * made.step * quantization.scale[:, None]
    assert np.abs(back - weights).max() <= (made.step / 2 * quantization.scale[:, None]).max() * 1.001
    assert relative(values @ weights, result(values, quantization, made, weights)) < 0.02


def to_integers(row: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(row)


def test_a_row_makes_up_for_one_that_lies_more_than_a_block_before_it() -> None:
    # 200 inputs, in blocks of 128. The last is nine tenths of the first; all others are independent and lie between.
    hessian = np.diag(np.full(200, 0.9))
    hessian[0, 0], hessian[0, 199], hessian[199, 0], hessian[199, 199] = 1.0, 0.9, 0.9, 0.81
    weights = np.zeros((200, 1))
    weights[0], weights[199] = 0.4, 0.4
    stored = gptq(weights, hessian, np.ones(1, np.float32), to_integers)
    # To the nearest both are 0, and 0.76 of the result is lost; as it is, 0.14.
    assert (stored[0, 0], stored[199, 0]) == (0, 1)
    assert not stored[1:199].any()


def test_blocks_change_nothing_but_the_time(chance: np.random.Generator) -> None:
    inputs = chance.normal(size=(2000, 40)) @ chance.normal(size=(40, 300)) + 0.1 * chance.normal(size=(2000, 300))
    hessian, weights = inputs.T @ inputs / len(inputs), chance.normal(size=(300, 8))
    step = np.full(8, 0.05, np.float32)
    stored = gptq(weights, hessian, step, to_integers)
    # The published algorithm, row by row, with its damping: 1% of the mean of the diagonal.
    damped = hessian + 0.01 * np.diag(hessian).mean() * np.eye(300)
    order = np.argsort(-np.diag(damped))
    upper = np.linalg.cholesky(np.linalg.inv(damped[np.ix_(order, order)])).T
    left, expected = weights[order], np.empty_like(weights)
    for row in range(300):
        expected[order[row]] = np.round(left[row] / step)
        error = (left[row] - expected[order[row]] * step) / upper[row, row]
        left[row + 1 :] -= np.outer(upper[row, row + 1 :], error)
    # The order of sums differs, so a number in the middle between two steps may go either way.
    assert np.mean(stored != expected) < 0.002
    by_gptq, by_nearest = (
        np.linalg.norm(inputs @ (weights - each * step)) for each in (stored, np.round(weights / step))
    )
    assert by_gptq < by_nearest / 2


def test_inputs_that_leave_the_hessian_singular_are_damped(chance: np.random.Generator) -> None:
    weights = chance.normal(size=(64, 4))
    step = np.full(4, 0.05, np.float32)
    few = chance.normal(size=(8, 64))  # 8 samples cannot tell 64 inputs apart
    few[:, 5] = 0  # and this one is never there
    hessian = few.T @ few / len(few)
    assert np.linalg.matrix_rank(hessian) == 8
    stored = gptq(weights, hessian, step, to_integers)
    assert np.isfinite(stored).all()
    nearest = np.round(weights / step)
    assert np.array_equal(stored[5], nearest[5])
    assert relative(few @ weights, few @ (stored * step)) < relative(few @ weights, few @ (nearest * step))
    # No input at all: nothing to make up for, so every weight is the nearest.
    assert np.array_equal(gptq(weights, np.zeros((64, 64)), step, to_integers), nearest)


def _kinds(chance: np.random.Generator) -> dict[str, tuple[Array, Array]]:
    """Values and weights of the kinds that transformers have: uneven in either, with tails, to one side, off center."""
    even, weights = chance.normal(size=(1500, 48)), chance.normal(size=(48, 16))
    uneven = np.geomspace(0.1, 10, 48)
    heavy = np.ones(48)
    heavy[5] = 25
    kinds = {
        "even": (even, weights),
        "uneven values": (even * uneven, weights),
        "uneven weights": (even, weights * heavy[:, None]),
        "tails": (chance.standard_t(2.5, size=(1500, 48)), weights),
        "to one side": (chance.lognormal(sigma=0.9, size=(1500, 48)), weights),
        "off center": (even + np.linspace(-20, 20, 48), weights),
    }
    return {name: (a.astype(np.float32), b.astype(np.float32)) for name, (a, b) in kinds.items()}


def _error(values: Array, weights: Array, quantization: InputQuantization) -> float:
    """The size of the error in the result, without its mean, which a bias can make up for."""
    found = result(values, quantization, to_nearest(layer(weights), quantization), weights) - values @ weights
    return float(np.linalg.norm(found - found.mean(axis=0)))


@pytest.mark.parametrize("kind", ["even", "uneven values", "uneven weights", "tails", "to one side", "off center"])
def test_a_finer_search_finds_hardly_better(chance: np.random.Generator, kind: str) -> None:
    values, weights = _kinds(chance)[kind]
    chosen = input_quantization(values, weights)
    assert not chosen.outlier_channels
    low, high = values.min(axis=0), values.max(axis=0)
    reach, heavy = (high - low) / 2, np.abs(weights).max(axis=1)
    errors = []
    for share in np.linspace(0.4, 1, 13):
        scale = (reach**-share * heavy ** (1 - share)).astype(np.float32)
        scale /= (reach * scale).max()
        for cut in np.linspace(0.7, 1, 7):
            tried = InputQuantization((high + low) / 2, scale, float(cut / 127))
            errors.append(_error(values, weights, tried))
    assert _error(values, weights, chosen) < 1.05 * min(errors)


@pytest.mark.parametrize(("of_values", "of_weights", "shift"), [(1e-2, 1e-3, 0.0), (50.0, 20.0, 0.0), (1.0, 1.0, 30.0)])
@pytest.mark.parametrize("kind", ["uneven weights", "tails", "to one side"])
def test_units_and_places_of_channels_change_nothing(
    chance: np.random.Generator, kind: str, of_values: float, of_weights: float, shift: float
) -> None:
    values, weights = _kinds(chance)[kind]
    before = input_quantization(values, weights)
    moved, scaled = (values * of_values + shift).astype(np.float32), (weights * of_weights).astype(np.float32)
    after = input_quantization(moved, scaled)
    assert after.step == before.step
    assert np.allclose(after.scale * of_values, before.scale, rtol=1e-3)
    assert np.allclose(after.center, before.center * of_values + shift, rtol=1e-3, atol=1e-3 * of_values)
    for made in (to_nearest(layer(scaled), after), gptq_weights(moved, after, [layer(scaled)])[0]):
        expected, found = moved @ scaled, result(moved, after, made, scaled)
        assert relative(expected - expected.mean(axis=0), found - expected.mean(axis=0)) < 0.05


@pytest.mark.parametrize("kind", ["even", "tails", "to one side"])
def test_what_is_turned_round_is_quantized_as_it_was(chance: np.random.Generator, kind: str) -> None:
    values, weights = _kinds(chance)[kind]
    before, after = input_quantization(values, weights), input_quantization(-values, weights)
    assert (after.step, after.scale.tolist()) == (before.step, before.scale.tolist())
    assert after.center.tolist() == (-before.center).tolist()
    assert kind == "even" or before.step < 1 / 127  # tails are cut off on both sides
    for most in (127, 63, 3):
        stored = gptq_weights(values, before, [layer(weights)], most=most)[0].weights
        assert (int(stored.min()), int(stored.max())) == (-most, most)
        assert np.array_equal(gptq_weights(-values, after, [layer(weights)], most=most)[0].weights, stored)
        assert np.array_equal(gptq_weights(values, before, [layer(-weights)], most=most)[0].weights, -stored)


def test_the_bias_makes_up_for_the_mean_of_what_is_lost(chance: np.random.Generator) -> None:
    values, weights = _kinds(chance)["to one side"]
    quantization = input_quantization(values, weights)
    # Of 4 bits, so that much is lost.
    made = gptq_weights(values, quantization, [layer(weights)], most=7)[0]
    found, expected = result(values, quantization, made, weights), values @ weights
    assert np.abs(found - expected).mean() > 0.1
    assert np.abs((found - expected).mean(axis=0)).max() < 1e-3


def test_inputs_that_do_not_go_together_have_nothing_to_make_up_for(chance: np.random.Generator) -> None:
    """They have a mean in common, which is no reason: the bias makes up for that."""
    values = np.stack(np.meshgrid(*[[0.0, 0.0, 0.0, 1.0]] * 4), axis=-1).reshape(-1, 4).astype(np.float32)
    assert np.allclose(np.cov(values.T), np.eye(4) * np.var(values[:, 0], ddof=1))
    weights = chance.normal(size=(4, 64)).astype(np.float32)
    quantization = InputQuantization(np.full(4, 0.5, np.float32), np.full(4, 2.0, np.float32), 1 / 127)
    made = gptq_weights(values, quantization, [layer(weights)], most=7)[0]
    assert np.array_equal(made.weights, to_nearest(layer(weights), quantization, most=7).weights)


def test_arrays_have_the_types_that_the_graph_needs(chance: np.random.Generator) -> None:
    values, weights = _kinds(chance)["even"]
    quantization = input_quantization(values, weights)
    for made in (to_nearest(layer(weights), quantization), *gptq_weights(values, quantization, [layer(weights)])):
        assert [each.dtype.name for each in (made.weights, made.step, made.bias)] == ["int8", "float32", "float32"]
    assert [each.dtype.name for each in (quantization.center, quantization.scale)] == ["float32", "float32"]


def test_outliers_are_told_by_what_they_can_do_to_a_result() -> None:
    values, weights = np.ones((2, 600), np.float32), np.ones((600, 3), np.float32)
    values[1] = -1
    values[:, 1], weights[1] = values[:, 1] * 100, 0.01  # large, and hardly read
    values[:, 2], weights[2] = values[:, 2] * 5, 5
    weights[3] = -9  # small, and much read
    values[:, 4] *= 3  # three times as far as 99 in 100, and not beyond it
    values[:, 5] *= 3.1
    assert input_quantization(values, weights).outlier_channels == (2, 3, 5)
    quantization = input_quantization(values, weights)
    assert not quantization.scale[[2, 3, 5]].any()
    assert not quantization.center[[2, 3, 5]].any()
    # Nothing of them is left in the int8 part, whatever was in the memory before.
    assert not gptq_weights(values, quantization, [layer(weights)])[0].weights[[2, 3, 5]].any()
    for _ in range(10):
        assert not to_nearest(layer(weights), quantization).weights[[2, 3, 5]].any()


def test_there_are_at_most_eight_outliers() -> None:
    values = np.ones((2, 2000), np.float32)
    values[1] = -1
    values[:, 100:112] *= np.arange(10, 22, dtype=np.float32)
    weights = np.ones((2000, 2), np.float32)
    assert input_quantization(values, weights).outlier_channels == tuple(range(104, 112))


def test_the_unit_of_the_inputs_does_not_change_the_rounding(chance: np.random.Generator) -> None:
    inputs = chance.normal(size=(500, 8)) @ chance.normal(size=(8, 40))
    hessian, weights = inputs.T @ inputs / len(inputs), chance.normal(size=(40, 4))
    step = np.full(4, 0.05, np.float32)
    stored = gptq(weights, hessian, step, to_integers)
    for unit in (2.0**-20, 2.0**20):
        assert np.array_equal(gptq(weights, hessian * unit, step, to_integers), stored)


def drawn(spread: float, weight: float, tail: int, body: float) -> tuple[Array, Array]:
    """Values whose channels and weights spread so far, with a tail, or with one extreme a channel beyond the body."""
    chance = np.random.default_rng(0)
    size = (600 if body == 1 else 4096, 24)
    values = chance.standard_t(tail, size=size) if tail else chance.uniform(-body, body, size=size)
    if body < 1:
        # Not in the 1,024 slots that errors are measured on, which are every fourth; every third would see them.
        values[range(3, 291, 12), range(24)] = 1
        values[range(303, 591, 12), range(24)] = -1
    weights = chance.normal(size=(24, 12)) * chance.permutation(np.geomspace(1, weight, 24))[:, None]
    return (values * np.geomspace(1, spread, 24)).astype(np.float32), weights.astype(np.float32)


@pytest.mark.parametrize(
    ("made", "share", "cut"),
    [
        (drawn(10, 1, 0, 1), 0.5, 1.0),
        (drawn(1, 10, 0, 1), 0.65, 1.0),
        (drawn(1, 100, 0, 1), 0.8, 1.0),
        (drawn(1, 100, 3, 1), 0.9, 1.0),
        (drawn(1, 3, 0, 1), 0.95, 1.0),
        (drawn(1, 1, 3, 1), 1.0, 1.0),
        (drawn(1, 1, 0, 0.895), 0.8, 0.9),
        (drawn(1, 1, 0, 0.795), 0.8, 0.8),
    ],
)
def test_tensors_differ_in_what_is_best_for_them(made: tuple[Array, Array], share: float, cut: float) -> None:
    values, weights = made
    found = input_quantization(values, weights)
    reach, heavy = (values.max(axis=0) - values.min(axis=0)) / 2, np.abs(weights).max(axis=1)
    scale = reach**-share * heavy ** (1 - share)
    np.testing.assert_allclose(found.scale, scale / (reach * scale).max(), rtol=1e-4)
    assert found.step == pytest.approx(cut / 127)
