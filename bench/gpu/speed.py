"""How fast a candidate is on the GPU: engine alone, packing and engine, whole texts, and one row at a time.

python -m bench.gpu.speed BUNDLE        one batch through each of ONNX Runtime's candidates, for its own log
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.gpu.baselines import LENGTHS, percentiles, timed
from runtime.backends.base import Backend, BackendOptions, Goal
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch, Placed, SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import Windows, windows_of
from runtime.bundle.store import Bundle, Candidate, open_bundle
from runtime.concurrency import in_order
from runtime.logits import batches, token_logits
from runtime.selection import runnable
from runtime.tagger import Tagger

_SPECIAL_TOKENS = SpecialTokens((0,), (0,))
# What ONNX Runtime prints of each fused attention, in colour; the layers' names are left out.
_KERNEL = re.compile(r"(Operator=\S+) (?:Node=\S* )?(.*?SdpaKernel=[A-Z_]+)")


def candidates_on_gpu(folder: Path) -> list[Candidate]:
    """Those of a bundle that this machine's GPU can run, those that promise most first."""
    found = [candidate for candidate in runnable(open_bundle(folder)) if candidate.device == "cuda"]
    return sorted(found, key=lambda one: (one.precision == "fp32", one.backend != "tensorrt"))


def speed_of(
    folder: Path, candidate: Candidate, *, lengths: Sequence[int], texts: Sequence[str], seconds: float = 3.0
) -> dict[str, Any]:
    """The speeds of one candidate.

    Args:
        folder: its bundle; no certificate is asked for.
        candidate: which.
        lengths: tokens of each sentence, special ones included.
        texts: for the whole way, from text to entities.
        seconds: of each measurement.

    Returns:
        engine_pieces_per_second, tokens_per_second (packing included), texts_per_second, fill (share of slots that
        hold a token), and latency_ms by length, as bench.gpu.baselines.torch_fp16 gives it.
    """
    bundle = open_bundle(folder)
    backend = _opened(bundle, candidate, "throughput")
    ids, windows = _given(bundle, lengths)
    placed = list(batches(backend, ids, windows, _SPECIAL_TOKENS))
    labels, tokens = len(bundle.manifest.labels), sum(lengths)
    slots = sum(each.batch.input_ids.size for each in placed)
    engine = timed(lambda: _run(backend, placed), seconds)
    packed = timed(lambda: token_logits(backend, ids, windows, _SPECIAL_TOKENS, labels=labels), seconds)
    backend.close()
    return {
        "candidate": str(candidate),
        "precision": candidate.precision,
        "version": backend.version,
        "engine_pieces_per_second": tokens / float(np.median(engine)),
        "tokens_per_second": tokens / float(np.median(packed)),
        "fill": tokens / slots,
        "texts_per_second": _texts_per_second(folder, candidate, texts, seconds),
        "latency_ms": _latency(bundle, candidate, seconds / 3),
    }


def _opened(bundle: Bundle, candidate: Candidate, goal: Goal) -> Backend:
    options = BackendOptions(threads=1, certified=False, goal=goal)
    return open_candidate(candidate, bundle, options)


def _given(bundle: Bundle, lengths: Sequence[int]) -> tuple[Any, Windows]:
    """Random tokens of sentences of those lengths, and their windows."""
    starts = starts_from_counts(np.asarray(lengths) - len(_SPECIAL_TOKENS))
    ids = np.random.default_rng(0).integers(0, bundle.manifest.vocabulary, int(starts[-1]))
    return ids, windows_of(starts, capacity=bundle.manifest.max_length - len(_SPECIAL_TOKENS), stride=0)


def _run(backend: Backend, placed: Sequence[Placed]) -> None:
    for _ in in_order(lambda each: backend.logits(each.batch), placed, workers=backend.streams):
        pass


def _texts_per_second(folder: Path, candidate: Candidate, texts: Sequence[str], seconds: float) -> float:
    with Tagger.open(folder, candidate=candidate, allow_uncertified=True) as tagger:
        return len(texts) / float(np.median(timed(lambda: tagger.tag(texts), seconds)))


def _latency(bundle: Bundle, candidate: Candidate, seconds: float) -> dict[str, dict[str, float]]:
    """Of one full row, from ids to logits on the host."""
    backend = _opened(bundle, candidate, "latency")
    found = {}
    for length in LENGTHS:
        row = _full_row(bundle, length)
        found[str(length)] = percentiles(timed(functools.partial(backend.logits, row), seconds))
    backend.close()
    return found


def _full_row(bundle: Bundle, length: int) -> Batch:
    ids = np.random.default_rng(length).integers(0, bundle.manifest.vocabulary, (1, length))
    return Batch(ids, np.zeros_like(ids), np.arange(length)[None])


def kernels_in(log: str) -> list[str]:
    """What ONNX Runtime printed of the kernels of attentions, each once."""
    return sorted({" ".join(found) for found in _KERNEL.findall(log)})


def has_slow_kernel(kernels: Sequence[str]) -> bool:
    """Whether a fused attention in fp16 ran as plain products and a softmax."""
    return any(re.search("MultiHeadAttention.*fp16.*=MATH$", line) for line in kernels)


def main(folder: Path) -> None:
    """One batch through each candidate of ONNX Runtime."""
    bundle = open_bundle(folder)
    for candidate in candidates_on_gpu(folder):
        if candidate.backend == "onnxruntime":
            backend = _opened(bundle, candidate, "latency")
            backend.logits(_full_row(bundle, 64))
            backend.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
