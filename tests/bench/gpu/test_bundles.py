"""Bundles for the GPU check: what is in them, and that it runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.gpu.bundles import add_engines, make_bundle, make_fp8_bundle
from bench.systems.base import Setting
from bench.systems.nerve import runnable_specs
from runtime.bundle.store import open_bundle
from runtime.errors import NerveError
from runtime.system.gpu import gpu


def test_a_bundle_has_packed_and_padded_graphs_in_fp32_and_fp16(small_bundle: Path) -> None:
    manifest = open_bundle(small_bundle).manifest
    files = {graph.file for graph in manifest.graphs}
    assert {"packed-fp32.onnx", "packed-fp16.onnx", "packed-fused-fp16.onnx", "padded-packing-fp16.onnx"} <= files
    assert ("padded-fp16.onnx" in files) == (find_spec("optimum") is not None)
    attested = {one.file for one in manifest.attestations}
    assert attested == {graph.file for graph in manifest.graphs if graph.layout == "packed"}
    assert manifest.certificates == ()


def test_it_says_how_near_fp16_comes_to_its_largest_number(
    small_checkpoint: Path, sample: Path, tmp_path: Path
) -> None:
    said = make_bundle(small_checkpoint, tmp_path / "bundle", sample, searched=1)
    assert any(line.startswith("fp16: activations reach") for line in said)


def test_a_bundle_in_fp8_has_that_graph_alone_and_runs(small_bundle: Path, sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fp8"
    assert "labels in 10,000 changed on held-out text" in make_fp8_bundle(small_bundle, folder, sample)[0]
    manifest = open_bundle(folder).manifest
    assert [graph.file for graph in manifest.graphs] == ["packed-fp8.onnx"]
    assert manifest.attestations[0].shares["fp8"] > 0.5
    (spec,) = [one for one in runnable_specs(open_bundle(folder), threads=1) if "onnxruntime" in one.name]
    system = spec.open(Setting(1, 1, 1))
    assert len(system.spans(system.tag(["Oslo and Lisbon", ""]))) == 2
    system.close()


@pytest.mark.skipif(gpu() is not None, reason="this machine has a GPU")
def test_engines_need_a_gpu_and_say_so(small_bundle: Path) -> None:
    with pytest.raises(NerveError):
        add_engines(small_bundle)
    assert open_bundle(small_bundle).manifest.engines == ()
