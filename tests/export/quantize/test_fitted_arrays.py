"""What is fitted comes back from named arrays to the last bit."""

from __future__ import annotations

import numpy as np

from export.quantize.fitted_arrays import as_arrays, from_arrays
from export.quantize.linear_layers import InputQuantization, Int8Layer


def test_there_and_back() -> None:
    chance = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return chance.normal(size=shape).astype(np.float32)

    tensor = InputQuantization(numbers(4), numbers(4), 0.1 / 3, (1, 3))
    layers = {
        name: Int8Layer(chance.integers(-127, 128, (4, outputs)).astype(np.int8), numbers(outputs), numbers(outputs))
        for name, outputs in (("/query/MatMul", 2), ("/key/MatMul", 3))
    }
    again, found = from_arrays(as_arrays(tensor, layers))
    assert (again.step, again.outlier_channels) == (tensor.step, tensor.outlier_channels)
    assert [again.center.tobytes(), again.scale.tobytes()] == [tensor.center.tobytes(), tensor.scale.tobytes()]
    assert list(found) == list(layers)
    for name, layer in layers.items():
        for field in ("weights", "step", "bias"):
            given, back = getattr(layer, field), getattr(found[name], field)
            assert (back.dtype, back.shape, back.tobytes()) == (given.dtype, given.shape, given.tobytes())
