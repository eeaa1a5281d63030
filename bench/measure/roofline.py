"""The machine's matrix-product rate: what no engine can beat, measured in the same rounds as the engines.

Square products and those of a transformer's feed-forward part are tried, each several times, so that a moment in which
the machine was busy does not decide; the fastest shape of each precision is then timed in every round. PyTorch
multiplies (torch.mm; torch._int_mm for int8) where it is installed; else numpy does, which knows fp32 alone. Where
PyTorch has no instructions for a precision, it multiplies number by number (int8 25 times, bf16 100 times as slowly as
fp32, on a CPU with AVX2 alone): that is nobody's limit, and takes minutes. So a precision in which a small
product is slower than in fp32 has no limit. It knows nothing of models.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.measure.jobs import Session
from bench.systems.base import Failure, Setting, Span, Split

PRECISIONS = ("fp32", "bf16", "int8")
# (rows, inner, columns): large enough for every core, small enough to stay a few milliseconds.
SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (2048, 1024, 4096), (1536, 384, 1536))
# Large enough to keep the CPU busy, and done in moments even number by number.
_SMALL = (256, 256, 256)
_TRIAL_SECONDS = 0.1
_TRIALS = 4

Shape = tuple[int, int, int]
Product = Callable[[], Any]
Maker = Callable[[int, int, int], list[Product]]


class Products:
    """A System in name only, so that it can live in a process like the others: it holds matrices, not a tagger.

    Attributes:
        library: that multiplies.
        shapes: the fastest shape of each precision.
    """

    def __init__(self, threads: int) -> None:
        self.library, provenance = _provenance(threads)
        self.shapes: dict[str, Shape] = {}
        self._products: dict[str, Product] = {}
        for precision, maker in faster_than_fp32(provenance).items():
            tried = [(shape, product) for shape in SHAPES for product in maker(*shape)]
            self.shapes[precision], self._products[precision] = fastest(tried)

    def rate(self, precision: str, seconds: float) -> float:
        """Operations a second, for about so long."""
        return _rate(self._products[precision], self.shapes[precision], seconds)

    def tag(self, texts: Sequence[str]) -> Any:
        """See System."""
        raise Failure("it multiplies matrices, it does not tag")

    def spans(self, answer: Any) -> list[list[Span]]:
        """See System."""
        raise Failure("it multiplies matrices, it does not tag")

    def split(self, texts: Sequence[str]) -> Split:
        """See System."""
        raise Failure("it multiplies matrices, it does not tag")

    def close(self) -> None:
        """See System."""
        self._products.clear()


def open_products(setting: Setting) -> Products:
    """Opener, as for any system."""
    return Products(setting.threads)


def describe(session: Session) -> tuple[str, dict[str, Shape]]:
    """The job: library, and the fastest shape of each precision."""
    assert isinstance(session.system, Products)
    return session.system.library, session.system.shapes


def rates(session: Session, seconds: float) -> dict[str, float]:
    """The job: operations a second in each precision."""
    assert isinstance(session.system, Products)
    return {precision: session.system.rate(precision, seconds) for precision in session.system.shapes}


def fastest(
    tried: Sequence[tuple[Shape, Product]], *, clock: Callable[[], float] = time.perf_counter
) -> tuple[Shape, Product]:
    """The product with the highest rate of all trials, which go round: 1 2 3, 1 2 3."""
    return _best(tried, clock)[0]


def _best(tried: Sequence[tuple[Shape, Product]], clock: Callable[[], float]) -> tuple[tuple[Shape, Product], float]:
    best = [0.0] * len(tried)
    for _ in range(_TRIALS):
        best = [max(old, _rate(product, shape, _TRIAL_SECONDS, clock)) for old, (shape, product) in zip(best, tried)]
    return tried[best.index(max(best))], max(best)


def _rate(product: Product, shape: Shape, seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    product()
    done, begun = 0, clock()
    while (taken := clock() - begun) < seconds or done < 2:
        product()
        done += 1
    rows, inner, columns = shape
    return 2 * rows * inner * columns * done / taken


def faster_than_fp32(
    provenance: Mapping[str, Maker], *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Maker]:
    """The precisions whose small product is at least as fast as that in fp32, by its best layout and moment."""
    _, rate = _best([(_SMALL, product) for product in provenance["fp32"](*_SMALL)], clock)
    found = {}
    for precision, maker in provenance.items():
        _, reached = _best([(_SMALL, product) for product in maker(*_SMALL)], clock)
        if precision == "fp32" or reached >= rate:
            found[precision] = maker
    return found


def _provenance(threads: int) -> tuple[str, dict[str, Maker]]:
    try:
        import torch
    except ModuleNotFoundError:
        import numpy as np

        return f"numpy {np.__version__}", {"fp32": _numpy_products}
    torch.set_num_threads(threads)
    floats = {"fp32": torch.float32, "bf16": torch.bfloat16}
    provenance: dict[str, Any] = {name: functools.partial(_torch_products, dtype) for name, dtype in floats.items()}
    return f"torch {torch.__version__}", provenance | {"int8": _torch_int8_products}


def _numpy_products(rows: int, inner: int, columns: int) -> list[Product]:
    import numpy as np

    source = np.random.default_rng(0)
    one, other = (source.random(size, np.float32) for size in ((rows, inner), (inner, columns)))
    out = np.empty((rows, columns), np.float32)
    return [lambda: np.matmul(one, other, out=out)]


def _torch_products(dtype: Any, rows: int, inner: int, columns: int) -> list[Product]:
    import torch

    one, other = torch.rand(rows, inner).to(dtype), torch.rand(inner, columns).to(dtype)
    # A layer's weights lie as [columns, inner]; engines choose the better of the two layouts, so this does, too.
    turned = other.t().contiguous().t()
    out = torch.empty(rows, columns, dtype=dtype)
    return [functools.partial(torch.mm, one, matrix, out=out) for matrix in (other, turned)]


def _torch_int8_products(rows: int, inner: int, columns: int) -> list[Product]:
    import torch

    one = torch.randint(-100, 100, (rows, inner), dtype=torch.int8)
    other = torch.randint(-100, 100, (inner, columns), dtype=torch.int8)
    turned = other.t().contiguous().t()
    return [functools.partial(torch._int_mm, one, matrix) for matrix in (other, turned)]
