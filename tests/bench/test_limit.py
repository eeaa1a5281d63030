"""The matrix limit: which product it is, whatever the machine was doing while they were tried."""

from __future__ import annotations

import pytest

from bench.limit import Product, Shape, fastest, makers_of
from runtime.processor import Ability


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


@pytest.mark.parametrize(
    ("can", "precisions"),
    [({"no vnni"}, ["fp32"]), ({"no vnni", "bf16"}, ["fp32", "bf16"]), ({"vnni"}, ["fp32", "int8"])],
)
def test_there_is_no_limit_in_a_precision_that_the_processor_has_not(can: set[Ability], precisions: list[str]) -> None:
    pytest.importorskip("torch")
    assert list(makers_of(1, can)[1]) == precisions
