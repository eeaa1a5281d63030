"""The roofline: the machine's matrix-multiplication rate, which no backend can exceed, measured in the same rounds.

Square matrices and those of a transformer's feed-forward layers are tried several times each, so that a moment in which
the machine was busy does not decide. The fastest shape of each precision is then timed in every round. PyTorch
multiplies where it is installed (torch.mm; torch._int_mm for int8), otherwise numpy, which has fp32 only. In floating
point OpenVINO multiplies, too, by weights that it has put in order beforehand: on some CPUs it is faster than PyTorch,
and a rate that a system exceeds is no roofline.

Where the CPU has no instructions for a precision, PyTorch multiplies number by number: on a CPU with only AVX2, int8 is
25 times and bf16 100 times slower than fp32. Such a rate is no roofline, and measuring it takes minutes. So a precision
in which a small multiplication is slower than in fp32 gets no roofline. This module knows nothing of models.
"""

from __future__ import annotations

import functools
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.measure.jobs import Session
from bench.systems.base import Failure, Setting, Span, Split

PRECISIONS = ("fp32", "bf16", "int8")
# (rows, inner, columns): large enough for every core, small enough to take only milliseconds.
SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (2048, 1024, 4096), (1536, 384, 1536))
# Large enough to keep the CPU busy, and still quick where the CPU multiplies number by number.
_SMALL = (256, 256, 256)
# OpenVINO's names.
_HINTS = {"fp32": "f32", "bf16": "bf16"}
_TRIAL_SECONDS = 0.1
_TRIALS = 4

Shape = tuple[int, int, int]
Product = Callable[[], Any]
Maker = Callable[[int, int, int], list[Product]]


class Products:
    """Matrices to multiply. It has the methods of a System only to run in a process as systems do; it tags nothing.

    Args:
        library: the library that multiplies, and its version.
        makers: by precision; each makes the multiplications of a shape, one for each layout of its matrices.
        shapes: to try: rows, inner, columns.

    Attributes:
        library: see above.
        shapes: the fastest shape of each precision.
    """

    def __init__(self, library: str, makers: Mapping[str, Maker], shapes: Sequence[Shape] = SHAPES) -> None:
        self.library = library
        self.shapes: dict[str, Shape] = {}
        self._products: dict[str, Product] = {}
        for precision, maker in makers.items():
            tried = [(shape, product) for shape in shapes for product in maker(*shape)]
            self.shapes[precision], self._products[precision] = fastest(tried)

    def rate(self, precision: str, seconds: float) -> float:
        """Multiply for about so many seconds, and return operations a second (2 for each MAC)."""
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
    """Open the matrices, as any system is opened."""
    library, makers = _makers(setting.threads)
    if importlib.util.find_spec("openvino"):
        library, makers = _with_openvino(library, makers, setting.threads)
    return Products(library, faster_than_fp32(makers))


def describe(session: Session) -> tuple[str, dict[str, Shape]]:
    """Return the library and the fastest shape of each precision. A job."""
    assert isinstance(session.system, Products)
    return session.system.library, session.system.shapes


def rates(session: Session, seconds: float) -> dict[str, float]:
    """Measure operations a second in each precision. A job."""
    assert isinstance(session.system, Products)
    return {precision: session.system.rate(precision, seconds) for precision in session.system.shapes}


def fastest(
    tried: Sequence[tuple[Shape, Product]], *, clock: Callable[[], float] = time.perf_counter
) -> tuple[Shape, Product]:
    """Return the shape and product with the highest rate; the trials are interleaved: 1 2 3, 1 2 3."""
    return _best(tried, clock)[0]


def _best(tried: Sequence[tuple[Shape, Product]], clock: Callable[[], float]) -> tuple[tuple[Shape, Product], float]:
    # The best of several trials: a disturbance can only make a multiplication slower.
    best = [0.0] * len(tried)
    for _ in range(_TRIALS):
        best = [max(old, _rate(product, shape, _TRIAL_SECONDS, clock)) for old, (shape, product) in zip(best, tried)]
    return tried[best.index(max(best))], max(best)


def _rate(product: Product, shape: Shape, seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    # Once without the clock: the first call may still load code or start threads.
    product()
    done, begun = 0, clock()
    while (taken := clock() - begun) < seconds or done < 2:
        product()
        done += 1
    rows, inner, columns = shape
    return 2 * rows * inner * columns * done / taken


def faster_than_fp32(
    makers: Mapping[str, Maker], *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Maker]:
    """Keep the precisions whose small product is at least as fast as in fp32, each at its best layout and moment."""
    _, rate = _best([(_SMALL, product) for product in makers["fp32"](*_SMALL)], clock)
    found = {}
    for precision, maker in makers.items():
        _, reached = _best([(_SMALL, product) for product in maker(*_SMALL)], clock)
        # fp32 is always kept: it is what the others are compared with.
        if precision == "fp32" or reached >= rate:
            found[precision] = maker
    return found


def _makers(threads: int) -> tuple[str, dict[str, Maker]]:
    try:
        import torch
    except ModuleNotFoundError:
        import numpy as np

        return f"numpy {np.__version__}", {"fp32": _numpy_products}
    # The systems get as many threads, so the roofline must not have more.
    torch.set_num_threads(threads)
    floats = {"fp32": torch.float32, "bf16": torch.bfloat16}
    makers: dict[str, Any] = {name: functools.partial(_torch_products, dtype) for name, dtype in floats.items()}
    return f"torch {torch.__version__}", makers | {"int8": _torch_int8_products}


def _with_openvino(library: str, makers: Mapping[str, Maker], threads: int) -> tuple[str, dict[str, Maker]]:
    """The same makers, whose products in floating point also come from OpenVINO."""
    import openvino

    def both(precision: str, maker: Maker) -> Maker:
        return lambda *shape: [*maker(*shape), _openvino_product(precision, threads, *shape)]

    floats = {precision: both(precision, maker) for precision, maker in makers.items() if precision in _HINTS}
    return f"{library}, openvino {openvino.__version__.partition('-')[0]}", {**makers, **floats}


def _openvino_product(precision: str, threads: int, rows: int, inner: int, columns: int) -> Product:
    import numpy as np
    import openvino
    from openvino import opset13 as operators

    source = np.random.default_rng(0)
    given = operators.parameter([rows, inner], np.float32)
    weights = operators.constant(source.random((inner, columns), np.float32))
    model = openvino.Model([operators.matmul(given, weights, False, False)], [given])
    told = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    request = openvino.Core().compile_model(model, "CPU", told).create_infer_request()
    # Handed over once: what is timed is the multiplication alone.
    request.set_input_tensor(0, openvino.Tensor(source.random((rows, inner), np.float32)))
    return functools.partial(request.infer, share_outputs=True)


def _numpy_products(rows: int, inner: int, columns: int) -> list[Product]:
    import numpy as np

    source = np.random.default_rng(0)
    one, other = (source.random(size, np.float32) for size in ((rows, inner), (inner, columns)))
    out = np.empty((rows, columns), np.float32)
    return [lambda: np.matmul(one, other, out=out)]


def _torch_products(dtype: Any, rows: int, inner: int, columns: int) -> list[Product]:
    import torch

    one, other = torch.rand(rows, inner).to(dtype), torch.rand(inner, columns).to(dtype)
    # A linear layer's weights lie in memory as [columns, inner]. Backends choose the faster layout; so does this.
    turned = other.t().contiguous().t()
    # Allocating the result each time would be timed as well.
    out = torch.empty(rows, columns, dtype=dtype)
    return [functools.partial(torch.mm, one, matrix, out=out) for matrix in (other, turned)]


def _torch_int8_products(rows: int, inner: int, columns: int) -> list[Product]:
    import torch

    # Values do not change the speed of int8, as long as they are not all zero.
    one = torch.randint(-100, 100, (rows, inner), dtype=torch.int8)
    other = torch.randint(-100, 100, (inner, columns), dtype=torch.int8)
    turned = other.t().contiguous().t()
    return [functools.partial(torch._int_mm, one, matrix) for matrix in (other, turned)]
