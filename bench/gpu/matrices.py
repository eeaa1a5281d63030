"""The GPU's matrix-multiplication rate in fp16: the roofline of the GPU check."""

from __future__ import annotations

import functools

from bench.measure.roofline import Product, Products, Shape
from bench.systems.base import Setting

# (rows, inner, columns): large squares, and the feed-forward layers of a large model on some thousand tokens.
SHAPES: tuple[Shape, ...] = (
    (8192, 8192, 8192),
    (16384, 1024, 4096),
    (16384, 4096, 1024),
    (16384, 1024, 3072),
)


def open_gpu_products(setting: Setting, *, device: str = "cuda", shapes: tuple[Shape, ...] = SHAPES) -> Products:
    """Open matrices on the GPU, as any system is opened.

    PyTorch adds up fp16 products in fp32, as backends do.
    """
    import torch

    library = f"torch {torch.__version__} on {device}"
    return Products(library, {"fp16": functools.partial(_products, device)}, shapes)


def _products(device: str, rows: int, inner: int, columns: int) -> list[Product]:
    import torch

    one = torch.randn(rows, inner, device=device, dtype=torch.float16)
    other = torch.randn(inner, columns, device=device, dtype=torch.float16)
    out = torch.empty(rows, columns, device=device, dtype=torch.float16)

    def multiply(matrix: torch.Tensor) -> None:
        torch.mm(one, matrix, out=out)
        # A GPU computes while the host goes on: without waiting, only the start would be timed.
        if device != "cpu":
            torch.cuda.synchronize()

    # Weights may lie in memory in either order; backends choose the faster one, and so does this.
    return [functools.partial(multiply, matrix) for matrix in (other, other.t().contiguous().t())]
