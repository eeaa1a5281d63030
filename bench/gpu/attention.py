"""python -m bench.gpu.attention BUNDLE: one batch through each of ONNX Runtime's candidates on the GPU.

It prints their names. With ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO=1, ONNX Runtime prints the attention kernels it ran.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import numpy as np

from runtime.backends.base import BackendOptions
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, Candidate, open_bundle
from runtime.errors import BackendError
from runtime.selection import runnable

# Begins the line of a candidate that could not run.
REFUSED = "refused: "
_LENGTH = 64


def main(folder: Path) -> None:
    """Run each candidate once."""
    bundle = open_bundle(folder)
    found = [one for one in runnable(bundle) if one.device == "cuda" and one.backend == "onnxruntime"]
    print(*(str(one) for one in found) if found else ["no candidate"], sep="\n")
    for candidate in found:
        try:
            _run(bundle, candidate)
        except BackendError as error:  # the others' kernels are worth knowing all the same
            print(f"{REFUSED}{candidate}: {error}")


def _run(bundle: Bundle, candidate: Candidate) -> None:
    """Run one batch.

    Raises:
        BackendError: ONNX Runtime refuses the graph or the batch.
    """
    with closing(
        open_candidate(candidate, bundle, BackendOptions(threads=1, certified=False, goal="latency"))
    ) as backend:
        ids = np.random.default_rng(0).integers(0, bundle.manifest.vocabulary, (1, _LENGTH))
        backend.logits(Batch(ids, np.zeros_like(ids), np.arange(_LENGTH)[None]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
