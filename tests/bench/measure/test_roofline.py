"""The roofline: the fastest multiplication, whatever the machine was doing while it was tried."""

from __future__ import annotations

import pytest

from bench.measure.roofline import Maker, Product, Shape, faster_than_fp32, fastest, open_products
from bench.systems.base import Setting


class Machine:
    """A clock that products move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def product(self, seconds: float, *, busy_until: float = 0.0) -> Product:
        """A product of so many seconds, ten times as many while something else runs."""

        def multiply() -> None:
            self.now += seconds * (10 if self.now < busy_until else 1)

        return multiply


def test_a_busy_moment_does_not_decide() -> None:
    machine = Machine()
    shape: Shape = (100, 100, 100)
    best = (shape, machine.product(0.010, busy_until=0.2))
    tried = [best, (shape, machine.product(0.012)), (shape, machine.product(0.020))]
    assert fastest(tried, clock=machine.clock) is best


def test_rates_and_not_seconds_are_compared() -> None:
    machine = Machine()
    large: tuple[Shape, Product] = ((200, 100, 100), machine.product(0.015))
    small: tuple[Shape, Product] = ((100, 100, 100), machine.product(0.010))
    assert fastest([small, large], clock=machine.clock) is large


def test_a_precision_that_is_slower_than_fp32_has_no_roofline() -> None:
    machine = Machine()

    def maker(*seconds: float) -> Maker:
        return lambda *_: [machine.product(each) for each in seconds]

    makers = {"fp32": maker(0.010), "bf16": maker(0.5, 0.009), "int8": maker(0.011)}
    assert list(faster_than_fp32(makers, clock=machine.clock)) == ["fp32", "bf16"]


@pytest.mark.slow
def test_floating_point_is_multiplied_by_every_library_that_is_here() -> None:
    pytest.importorskip("openvino")
    products = open_products(Setting(1, 1, 1))
    assert ", openvino " in products.library
    assert products.rate("fp32", 0.01) > 1e8
    products.close()
