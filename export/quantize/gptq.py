"""Quantization to int8 that changes a linear layer's result least. Pure: arrays in, arrays out.

    input_quantization  how to quantize a tensor: its channels centered and brought to like ranges (Wei et al. 2023,
                        "Outlier Suppression+"; Xiao et al. 2023, "SmoothQuant"), chosen by the error in the result
    to_nearest          weights rounded each by itself: in no time, for what need not be exact
    gptq_weights        weights rounded so that later rows make up for the errors of earlier ones (Frantar et al. 2023,
                        "GPTQ"), and the bias for the mean of what is left

Why not an off-the-shelf quantizer: with one scale for a whole tensor, one channel of some hundred that is 20 times as
large as the others sets the step of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from export.quantize.linear_layers import InputQuantization, Int8Layer, LinearLayer
from runtime.errors import BugError

LARGEST = 127
"""Of the stored numbers; weights can be held to fewer, see runtime.system.cpu."""
# How much of a channel's range is moved from the tensor to the weights: 0 none, 1 all. The error decides between them.
_SHARES = (0.5, 0.65, 0.8, 0.9, 0.95, 1.0)
# Ranges that cut the rare extremes off round everything else more finely.
_CUTS = (1.0, 0.9, 0.8)
# Token slots that errors are measured on; more give the same choice.
_SLOTS = 1024
# A channel is an outlier if it can move a result this many times as far as 99 in 100 channels can; and the most that
# there may be. In MiniLM 13 channels of 11 tensors are. That costs 4% of the speed, and logits move a sixth less
# than with 8.0, where 5 channels of 4 tensors are; keeping the two worst layers in higher precision costs 5% for that.
_OUTLIERS, _MOST_OUTLIERS = 3.0, 8
# GPTQ's damping, as a share of the mean of the Hessian's diagonal, and its block of rows.
_DAMPING, _BLOCK = 0.01, 128

Array = NDArray[np.float32]


def input_quantization(values: Array, weights: Array, *, most: int = LARGEST) -> InputQuantization:
    """The quantization of a tensor, among some, that changes its product with the weights least.

    Args:
        values: of the tensor, on text. [slots, inputs]
        weights: of all layers that read it. [inputs, outputs]
        most: the largest number that weights are stored as.
    """
    center = (values.max(axis=0) + values.min(axis=0)) / 2
    reach = np.maximum((values.max(axis=0) - values.min(axis=0)) / 2, 1e-4)
    heavy = np.maximum(np.abs(weights).max(axis=1), 1e-6)
    outlier_channels = _outlier_channels(reach * heavy)
    ordinary = np.ones(len(center), np.bool_)
    ordinary[list(outlier_channels)] = False
    center = np.where(ordinary, center, 0)
    sample = values[:: max(1, len(values) // _SLOTS)] - center
    tried = []
    for share in _SHARES:
        scale: Array = np.where(ordinary, reach**-share * heavy ** (1 - share), 0).astype(np.float32)
        scale /= (reach * scale).max()  # all in -1 to 1
        scaled: Array = sample * scale
        divided = _divided(weights, scale)
        steps = _steps(divided, most)
        by_weights = _spread(scaled @ (divided - _nearest(divided, steps) * steps))
        for cut in _CUTS:
            step = np.float32(cut / LARGEST)
            error = np.hypot(by_weights, _spread((scaled - _nearest(scaled, step) * step) @ divided))
            tried.append((error, InputQuantization(center, scale, float(step), outlier_channels)))
    return min(tried, key=lambda one: one[0])[1]


def to_nearest(layer: LinearLayer, quantization: InputQuantization, *, most: int = LARGEST) -> Int8Layer:
    """A layer in int8 without a text to fit it to.

    Args:
        layer: in fp32.
        quantization: of its input.
        most: the largest number that weights are stored as.
    """
    divided = _divided(layer.weights, quantization.scale)
    step = _steps(divided, most)
    bias = layer.bias + quantization.center @ layer.weights
    return Int8Layer(_nearest(divided, step).astype(np.int8), step, bias.astype(np.float32))


def gptq_weights(
    values: Array, quantization: InputQuantization, layers: Sequence[LinearLayer], *, most: int = LARGEST
) -> list[Int8Layer]:
    """The layers that read one tensor, in int8.

    Args:
        values: of the tensor, on text. [slots, inputs]
        quantization: of the tensor.
        layers: all that read it.
        most: the largest number that weights are stored as.
    """
    mean, mean_seen, hessian = _moments(values, quantization)
    divided = _divided(np.concatenate([layer.weights for layer in layers], axis=1), quantization.scale)
    step = _steps(divided, most)
    stored = gptq(divided.astype(np.float64), hessian, step, lambda row: np.clip(np.round(row), -most, most))
    shift = mean @ divided - mean_seen @ (stored * step)
    ends = np.cumsum([layer.weights.shape[1] for layer in layers]).tolist()
    made = []
    for layer, start, end in zip(layers, [0, *ends], ends):
        bias = layer.bias + quantization.center @ layer.weights + shift[start:end]
        made.append(Int8Layer(stored[:, start:end].astype(np.int8), step[start:end], bias.astype(np.float32)))
    return made


def _moments(
    values: Array, quantization: InputQuantization
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean of the scaled values, mean of what int8 makes of them, and mean products of the latter with each other."""
    # In place, step by step: what is read here are the largest arrays of all, and new memory costs more than sums.
    spread = _scaled(values, quantization)
    mean = spread.mean(axis=0, dtype=np.float64)
    _round_to(spread, np.float32(quantization.step))
    mean_seen = spread.mean(axis=0, dtype=np.float64)
    spread -= mean_seen.astype(np.float32)  # the bias makes up for the mean
    return mean, mean_seen, (spread.T @ spread).astype(np.float64) / len(spread)


def int8_result(values: Array, quantization: InputQuantization, layer: LinearLayer, made: Int8Layer) -> Array:
    """What a layer in int8 gives for values of its input. [slots, inputs] -> [slots, outputs]"""
    stored = _scaled(values, quantization)
    _round_to(stored, np.float32(quantization.step))
    result: Array = stored @ (made.weights * made.step)
    result += made.bias
    if channels := list(quantization.outlier_channels):
        result += values[:, channels] @ layer.weights[channels]
    return result


def gptq(
    weights: NDArray[np.float64],
    hessian: NDArray[np.float64],
    step: Array,
    nearest: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Numbers that can be stored and that, times the step, do to the inputs what the weights do. [inputs, outputs]

    Args:
        weights: [inputs, outputs]
        hessian: mean products of the inputs with each other. [inputs, inputs]
        step: of each output. [outputs]
        nearest: the nearest numbers that can be stored.
    """
    size = len(weights)
    # Damped, so that it has an inverse also where some inputs are always the same, or never there.
    hessian = hessian + _DAMPING * max(float(np.diag(hessian).mean()), 1e-12) * np.eye(size)
    # The rows with the largest inputs go first: their errors have the most rows after them to be made up for.
    order = np.argsort(-np.diag(hessian))
    left = weights[order]
    upper = _root_of_inverse(hessian[np.ix_(order, order)])
    stored = np.empty_like(left)
    for start in range(0, size, _BLOCK):
        end = min(start + _BLOCK, size)
        errors = np.empty((end - start, weights.shape[1]))
        for row in range(start, end):
            stored[row] = nearest(left[row] / step)
            errors[row - start] = (left[row] - stored[row] * step) / upper[row, row]
            left[row + 1 : end] -= upper[row, row + 1 : end, None] * errors[row - start]
        # Rows beyond the block are corrected once for all of it: one matrix product instead of 128 outer ones.
        left[end:] -= upper[start:end, end:].T @ errors
    unordered = np.empty_like(stored)
    unordered[order] = stored
    return unordered


def _root_of_inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper triangle R with R'R = the inverse, for less than an inverse and its Cholesky factor take."""
    # Read from its end, the matrix is LL'; so it is UU' with an upper triangle U, and R is U's inverse.
    lower = np.linalg.cholesky(matrix[::-1, ::-1])
    root, failed = lapack.dtrtri(lower[::-1, ::-1])
    if failed:
        raise BugError(f"a damped Hessian has no inverse ({failed})")
    return np.asarray(root)


def _outlier_channels(part: Array) -> tuple[int, ...]:
    """Channels whose largest part in a result is far beyond the others'. part: [inputs]"""
    order = np.argsort(-part)[:_MOST_OUTLIERS]
    return tuple(sorted(order[part[order] > _OUTLIERS * np.quantile(part, 0.99)].tolist()))


def _divided(weights: Array, scale: Array) -> Array:
    """Weights for a scaled input; a channel of scale 0 has none. [inputs, outputs]"""
    divided: Array = np.divide(weights, scale[:, None], out=np.zeros_like(weights), where=scale[:, None] > 0)
    return divided


def _steps(weights: Array, most: int) -> Array:
    """The step of each output: its largest weight is the largest number. [outputs]"""
    steps: Array = np.maximum(np.abs(weights).max(axis=0), 1e-12) / np.float32(most)
    return steps


def _scaled(values: Array, quantization: InputQuantization) -> Array:
    """Values centered and scaled, in memory of their own."""
    scaled: Array = values - quantization.center
    scaled *= quantization.scale
    return scaled


def _round_to(values: Array, step: np.float32) -> None:
    """Round to what can be stored, in place."""
    values /= step
    np.rint(values, out=values)
    np.clip(values, -LARGEST, LARGEST, out=values)
    values *= step


def _nearest(values: Array, step: Array | np.float32) -> Array:
    nearest: Array = np.clip(np.round(values / step), -LARGEST, LARGEST)
    return nearest


def _spread(errors: Array) -> float:
    """Size of errors without their mean, which the bias makes up for."""
    return float(np.linalg.norm(errors - errors.mean(axis=0)))
