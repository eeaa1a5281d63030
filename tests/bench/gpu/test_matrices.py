"""The GPU's roofline, on the CPU: a rate in fp16, of the fastest shape."""

from __future__ import annotations

from bench.gpu.matrices import open_gpu_products
from bench.systems.base import Setting


def test_it_multiplies_in_fp16_and_names_the_shape() -> None:
    products = open_gpu_products(Setting(1, 1, 1), device="cpu", shapes=((16, 16, 16), (64, 32, 16)))
    assert set(products.shapes) == {"fp16"}
    assert products.shapes["fp16"] in ((16, 16, 16), (64, 32, 16))
    assert products.rate("fp16", 0.01) > 0
    assert products.library.endswith("on cpu")
