"""python -m bench.gpu.attention BUNDLE: one batch through each of ONNX Runtime's candidates on the GPU.

It prints their names. With ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO=1, ONNX Runtime prints the attention kernels it ran.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from runtime.backends.base import BackendOptions
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch
from runtime.bundle.store import open_bundle
from runtime.selection import runnable

_LENGTH = 64


def main(folder: Path) -> None:
    """Run each candidate once."""
    bundle = open_bundle(folder)
    found = [one for one in runnable(bundle) if one.device == "cuda" and one.backend == "onnxruntime"]
    print(*(str(one) for one in found) if found else ["no candidate"], sep="\n")
    for candidate in found:
        backend = open_candidate(candidate, bundle, BackendOptions(threads=1, certified=False, goal="latency"))
        ids = np.random.default_rng(0).integers(0, bundle.manifest.vocabulary, (1, _LENGTH))
        backend.logits(Batch(ids, np.zeros_like(ids), np.arange(_LENGTH)[None]))
        backend.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
