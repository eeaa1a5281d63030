"""The systems of the GPU check: Nerve's candidates on the GPU, PyTorch and the Hugging Face pipeline in fp16."""

from __future__ import annotations

import functools
from pathlib import Path

from bench.systems.backend_calls import open_pytorch
from bench.systems.bare_backends import open_bare
from bench.systems.base import Setting, Spec
from bench.systems.hf_pipeline import open_torch
from bench.systems.nerve import runnable_specs
from runtime.bundle.store import Bundle

_ROWS = (64, 256)
# A pipeline is compared at its best, and none of these is best on every GPU.
_PIPELINE_BATCHES = (32, 128, 512)


def gpu_specs(bundle: Bundle, checkpoint: Path, *, threads: int, device: str, fp32: bool) -> list[Spec]:
    """Return the systems, Nerve's fast ones first.

    Args:
        bundle: its candidates need no certificate: the check certifies them itself, and random weights get none.
        checkpoint: its folder.
        threads: of the host, for each system.
        device: "cuda"; "cpu" in tests.
        fp32: whether candidates in fp32 are measured, too.
    """
    ours = [spec for spec in runnable_specs(bundle, threads=threads, device=device) if fp32 or spec.precision != "fp32"]
    # TensorRT before ONNX Runtime: what promises most comes first, for time may run out.
    ours.sort(key=lambda spec: (spec.precision == "fp32", "tensorrt" not in spec.name))
    return [*ours, _pytorch(bundle, checkpoint, threads, device), _pipeline(checkpoint, threads, device)]


def _pytorch(bundle: Bundle, checkpoint: Path, threads: int, device: str) -> Spec:
    manifest = bundle.manifest
    backend = functools.partial(open_pytorch, device=device, dtype="float16")
    opener = functools.partial(
        open_bare, backend=backend, folder=checkpoint, labels=manifest.labels, max_length=manifest.max_length
    )
    return Spec(
        name=f"pytorch-fp16-{device}",
        title="PyTorch, scaled-dot-product attention, sorted padded batches",
        group="baseline",
        precision="fp16",
        open=opener,
        # Two batch sizes: a GPU wants large ones, and a short check has no time for more.
        settings=tuple(Setting(rows, 1, threads) for rows in _ROWS),
        needs=("torch", "transformers"),
        versions=("torch", "transformers"),
    )


def _pipeline(checkpoint: Path, threads: int, device: str) -> Spec:
    return Spec(
        name=f"pipeline-fp16-{device}",
        title="Hugging Face pipeline, PyTorch float16",
        group="baseline",
        precision="fp16",
        open=functools.partial(open_torch, checkpoint=checkpoint, dtype="float16", device=device),
        settings=tuple(Setting(batch, 1, threads) for batch in _PIPELINE_BATCHES),
        needs=("torch", "transformers"),
        versions=("torch", "transformers"),
        cut="pipeline",
    )
