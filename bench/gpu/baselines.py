"""What bench.gpu compares with, on the same GPU: the matrix rate, PyTorch in fp16, the Hugging Face pipeline.

It knows nothing of Nerve's backends. All is timed with the host waiting for the GPU.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# (rows, inner, columns): large squares, and a large model's feed-forward part on some thousand tokens.
SHAPES = ((8192, 8192, 8192), (16384, 1024, 4096), (16384, 4096, 1024), (16384, 1024, 3072))
LENGTHS = (64, 128, 512)
_SLOTS = 16384
_PIPELINE_BATCHES = (32, 256)


def matrix_rate(seconds: float = 1.0) -> dict[str, Any]:
    """Operations a second of fp16 products on the GPU, of the fastest of SHAPES and of each, factors in both layouts.

    fp16 products add up in fp32 in PyTorch's default; so do the engines'.
    """
    import torch

    rates: dict[str, float] = {}
    for rows, inner, columns in SHAPES:
        one = torch.randn(rows, inner, device="cuda", dtype=torch.float16)
        other = torch.randn(inner, columns, device="cuda", dtype=torch.float16)
        out = torch.empty(rows, columns, device="cuda", dtype=torch.float16)
        best = 0.0
        for factor in (other, other.t().contiguous().t()):
            times = _times(functools.partial(torch.mm, one, factor, out=out), seconds / 2, wait=_wait)
            best = max(best, 2.0 * rows * inner * columns / float(np.median(times)))
        rates[f"{rows} x {inner} x {columns}"] = best
    fastest = max(rates, key=lambda shape: rates[shape])
    return {"fp16": rates[fastest], "shape": fastest, "rates": rates, "library": f"torch {torch.__version__}"}


def torch_fp16(
    checkpoint: Path, lengths: Sequence[int], *, seconds: float = 4.0, device: str = "cuda"
) -> dict[str, Any]:
    """PyTorch's own model in fp16 with scaled-dot-product attention, on sorted padded batches.

    Args:
        checkpoint: its folder.
        lengths: tokens of each sentence, special ones included.
        seconds: of the measurement.
        device: PyTorch's name of it.

    Returns:
        pieces_per_second, and latency_ms by length: median and 99th percentile of a batch of one full row.
    """
    import torch

    model = _model(checkpoint).to(device)
    batches = _padded(lengths)

    @torch.inference_mode()
    def run() -> None:
        for ids, mask in batches:
            model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits.float().cpu()

    @torch.inference_mode()
    def one(ids: Any, mask: Any) -> None:
        model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits.float().cpu()

    latency = {}
    for length in LENGTHS:
        ids = torch.randint(0, model.config.vocab_size, (1, length))
        latency[str(length)] = percentiles(_times(functools.partial(one, ids, torch.ones_like(ids)), seconds / 3))
    rate = sum(lengths) / float(np.median(_times(run, seconds)))
    return {"tokens_per_second": rate, "latency_ms": latency, "version": f"torch {torch.__version__}"}


def pipeline_fp16(
    checkpoint: Path, texts: Sequence[str], *, seconds: float = 3.0, device: str = "cuda"
) -> dict[str, Any]:
    """The Hugging Face pipeline in fp16 on the GPU: texts a second, of the better of two batch sizes."""
    import transformers

    pipe = transformers.pipeline(
        "token-classification",
        model=_model(checkpoint),
        tokenizer=transformers.AutoTokenizer.from_pretrained(checkpoint, local_files_only=True),
        device=device,
        aggregation_strategy="first",
    )
    rates = {}
    for size in _PIPELINE_BATCHES:
        pipe(list(texts[:size]), batch_size=size)
        # A pass takes seconds: it needs no more of them.
        times = _times(functools.partial(pipe, list(texts), batch_size=size), seconds, warm=0, least=2)
        rates[str(size)] = len(texts) / float(np.median(times))
    return {"texts_per_second": max(rates.values()), "rates": rates, "version": transformers.__version__}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile, in milliseconds."""
    return {"p50": 1e3 * float(np.percentile(seconds, 50)), "p99": 1e3 * float(np.percentile(seconds, 99))}


def timed(task: Callable[[], object], seconds: float) -> list[float]:
    """Seconds of each call of a task that ends when its work is done, for about so long; two calls go before."""
    return _times(task, seconds)


def dtype_argument(dtype: Any) -> dict[str, Any]:
    """A type of numbers as from_pretrained takes it; the name of its parameter changed with transformers 4.56."""
    import transformers

    version = tuple(map(int, transformers.__version__.split(".")[:2]))
    return {"dtype" if version >= (4, 56) else "torch_dtype": dtype}


def _model(checkpoint: Path) -> Any:
    import torch
    import transformers

    loader = transformers.AutoModelForTokenClassification
    more = dtype_argument(torch.float16)
    return loader.from_pretrained(checkpoint, attn_implementation="sdpa", local_files_only=True, **more).eval()


def _padded(lengths: Sequence[int]) -> list[tuple[Any, Any]]:
    """Ids and mask of batches of like lengths, the longest first, of at most _CELLS token slots; on the host."""
    import torch

    left, batches = sorted(lengths, reverse=True), []
    while left:
        rows = max(1, _SLOTS // left[0])
        part, left = left[:rows], left[rows:]
        size = torch.tensor(part)
        mask = (torch.arange(part[0])[None] < size[:, None]).long()
        batches.append((torch.randint(0, 1000, mask.shape) * mask, mask))
    return batches


def _nothing() -> None:
    """For a task that waits by itself."""


def _times(
    task: Callable[[], object],
    seconds: float,
    *,
    wait: Callable[[], None] = _nothing,
    warm: int = 2,
    least: int = 3,
) -> list[float]:
    for _ in range(warm):
        task()
    wait()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < least or time.perf_counter() < end:
        begun = time.perf_counter()
        task()
        wait()
        taken.append(time.perf_counter() - begun)
    return taken


def _wait() -> None:
    import torch

    torch.cuda.synchronize()
