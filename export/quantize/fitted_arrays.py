"""What is fitted to a tensor and to the layers that read it, as named arrays that a file can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.quantize.linear_layers import InputQuantization, Int8Layer

_TENSOR, _LAYER = "tensor", "layer"
_NUMBERS = ("weights", "step", "bias")


def as_arrays(tensor: InputQuantization, layers: Mapping[str, Int8Layer]) -> dict[str, NDArray[np.generic]]:
    """The arrays, to the last bit, and the names of the layers among them."""
    arrays: dict[str, NDArray[Any]] = {
        f"{_TENSOR}.center": tensor.center,
        f"{_TENSOR}.scale": tensor.scale,
        f"{_TENSOR}.step": np.array(tensor.step, np.float64),
        f"{_TENSOR}.outlier_channels": np.array(tensor.outlier_channels, np.int64),
        "names": np.array(list(layers)),
    }
    for number, layer in enumerate(layers.values()):
        arrays |= {f"{_LAYER}{number}.{name}": getattr(layer, name) for name in _NUMBERS}
    return arrays


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> tuple[InputQuantization, dict[str, Int8Layer]]:
    """What as_arrays was given."""
    tensor = InputQuantization(
        arrays[f"{_TENSOR}.center"],
        arrays[f"{_TENSOR}.scale"],
        float(arrays[f"{_TENSOR}.step"]),
        tuple(arrays[f"{_TENSOR}.outlier_channels"].tolist()),
    )
    layers = {
        str(name): Int8Layer(*(arrays[f"{_LAYER}{number}.{each}"] for each in _NUMBERS))
        for number, name in enumerate(arrays["names"])
    }
    return tensor, layers
