"""The systems of the GPU check, on the CPU: Nerve's fast candidates first, and PyTorch answers as the pipeline does."""

from __future__ import annotations

from pathlib import Path

from bench.gpu.models import sentences_in
from bench.gpu.systems import gpu_specs
from runtime.bundle.store import open_bundle


def test_fast_candidates_come_first_and_baselines_last(small_bundle: Path, small_checkpoint: Path) -> None:
    bundle = open_bundle(small_bundle)
    specs = gpu_specs(bundle, small_checkpoint, threads=1, device="cpu", fp32=True)
    names = [spec.name for spec in specs]
    assert len(set(names)) == len(names)
    assert names[-2:] == ["pytorch-fp16-cpu", "pipeline-fp16-cpu"]
    precisions = [spec.precision for spec in specs[:-2]]
    assert precisions == sorted(precisions, key=lambda precision: precision == "fp32")
    few = gpu_specs(bundle, small_checkpoint, threads=1, device="cpu", fp32=False)
    assert [spec.name for spec in few] == [spec.name for spec in specs if spec.precision != "fp32"]


def test_without_a_gpu_nothing_of_the_bundle_runs_on_it(small_bundle: Path, small_checkpoint: Path) -> None:
    specs = gpu_specs(open_bundle(small_bundle), small_checkpoint, threads=1, device="no such device", fp32=True)
    assert [spec.group for spec in specs] == ["baseline", "baseline"]


def test_pytorch_and_the_pipeline_find_the_same_in_the_same_words(
    small_bundle: Path, small_checkpoint: Path, sample: Path
) -> None:
    specs = gpu_specs(open_bundle(small_bundle), small_checkpoint, threads=1, device="cpu", fp32=False)
    # Words of letters alone are cut alike by both.
    texts = [" ".join(words) for words, _ in sentences_in(sample / "valid.txt") if all(map(str.isalpha, words))][:5]
    assert texts
    found = []
    for spec in specs[-2:]:
        system = spec.open(spec.settings[0])
        found.append([set(spans) for spans in system.spans(system.tag(texts))])
        system.close()
    shared = sum(len(one & other) for one, other in zip(*found))
    # Random weights have no margin, and in fp16 the last bit depends on the batch.
    assert shared >= 0.5 * sum(len(one) for one in found[0])
