"""What the int8 form of a linear layer computes, in numpy, and how far results lie apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from export.quantize.linear_layers import InputQuantization, Int8Layer, LinearLayer

Array = NDArray[np.float32]


def layer(weights: Array, *, name: str = "product") -> LinearLayer:
    """A linear layer without a bias."""
    return LinearLayer(name, "input", weights, np.zeros(weights.shape[1], np.float32), "add", 1)


def result(values: Array, quantization: InputQuantization, made: Int8Layer, weights: Array) -> Array:
    """What the int8 form of a layer computes."""
    stored = (
        np.clip(np.round((values - quantization.center) * quantization.scale / quantization.step), -127, 127)
        * quantization.step
    )
    inner = stored @ (made.weights * made.step) + made.bias
    outlier_channels = list(quantization.outlier_channels)
    answer: Array = inner + values[:, outlier_channels] @ weights[outlier_channels]
    return answer


def plain(values: Array, weights: Array) -> Array:
    """The simplest int8: one step a tensor for values, one a column for weights."""
    step, steps = np.abs(values).max() / 127, np.abs(weights).max(axis=0) / 127
    answer: Array = (np.round(values / step) * step) @ (np.round(weights / steps) * steps)
    return answer


def relative(expected: NDArray[np.floating], found: NDArray[np.floating]) -> float:
    """The size of the error over the size of what is expected."""
    return float(np.linalg.norm(expected - found) / np.linalg.norm(expected))
