"""Quantization of arrays: how much better than plainly, and where the simplest forms of it go wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from export.quantize.gptq import gptq, gptq_weights, input_quantization, to_nearest
from export.quantize.linear_layers import Int8Layer
from tests.export.quantize.int8_math import layer, plain, relative, result


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
