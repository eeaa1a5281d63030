"""`python -m export --tensorrt-rtx`: a portable engine in the bundle, built and attested by the real builder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.__main__ import main
from export.engines.options import has_portable
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import open_bundle
from runtime.errors import BackendError, UncertifiedError
from runtime.selection import candidates, choose
from runtime.system.libraries import installed_version
from tests.export.test_variants import sure
from tests.fakes.machine import FakeMachine
from tests.runtime.backends.tensorrt.test_portable import L4

T4 = replace(L4, name="NVIDIA T4", compute_capability="7.5")
_VERSION = installed_version("tensorrt_rtx", ("tensorrt-rtx-cu13",))


@pytest.mark.skipif(not _VERSION, reason="tensorrt-rtx-cu13 is not installed")
def test_an_engine_for_turing_beside_it(
    tiny_model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "bundle"
    model = sure(shutil.copytree(tiny_model, tmp_path / "model"))
    given = ["--model", str(model), "--output", str(output), "--corpus", str(tiny_corpus), "--tensorrt-slots", "256"]
    assert main([*given, "--tensorrt-turing"]) == 0
    assert "the portable engines for Turing and others are built and attested" in capsys.readouterr().out
    bundle = open_bundle(output)
    others, turing = bundle.manifest.engines
    assert (turing.file, turing.graph) == ("packed-all-fp16-rtx.plan", "packed-all-fp16.onnx")
    assert (turing.compute_capability, turing.layers) == ("7.5", {"fp16": 11})
    assert "7.5" not in others.compute_capability
    attested = next(one for one in bundle.manifest.attestations if one.file == turing.file)
    assert (attested.fused_attention, attested.shares) == (2, {"fp16": 1.0})
    # The graph is for that backend alone: no other is to take the coarser classifier.
    assert "packed-all-fp16.onnx" not in {one.file for one in candidates(bundle)}
    packages = {"tensorrt-rtx-cu13": _VERSION, "onnxruntime": "1.31.1"}
    wanted = Wanted(backend="tensorrt-rtx")
    for gpu, file in ((T4, turing.file), (L4, others.file)):
        here = FakeMachine(packages=packages, own_gpu=gpu)
        assert choose(bundle, wanted, certified=False, here=here).file == file
    assert main([*given, "--tensorrt-turing"]) == 0
    assert "is up to date" in capsys.readouterr().out


@pytest.mark.skipif(not _VERSION, reason="tensorrt-rtx-cu13 is not installed")
def test_a_portable_engine_without_a_gpu(
    tiny_model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "bundle"
    model = sure(shutil.copytree(tiny_model, tmp_path / "model"))
    given = ["--model", str(model), "--output", str(output), "--corpus", str(tiny_corpus)]
    assert main([*given, "--tensorrt-rtx", "--tensorrt-slots", "256"]) == 0
    said = capsys.readouterr().out
    assert "the portable engine is built and attested, not certified: that takes a GPU" in said
    bundle = open_bundle(output)
    (engine,) = bundle.manifest.engines
    assert (engine.file, engine.backend) == ("packed-fp16-rtx.plan", "tensorrt-rtx")
    assert engine.layers == {"fp16": 10, "fp32": 1}
    attested = next(one for one in bundle.manifest.attestations if one.backend == "tensorrt-rtx")
    assert (attested.attention, attested.fused_attention) == (2, 2)
    assert attested.shares["fp16"] > 0.98
    candidate = next(one for one in candidates(bundle) if one.backend == "tensorrt-rtx")
    with pytest.raises(BackendError, match="this machine has no NVIDIA GPU"):
        choose(bundle, candidate, here=FakeMachine(packages={"tensorrt-rtx-cu13": _VERSION}))
    with_gpu = FakeMachine(packages={"tensorrt-rtx-cu13": _VERSION, "onnxruntime": "1.31.1"}, own_gpu=L4)
    # On a machine that could run it, nothing vouches for it: whoever wants it must say so.
    assert choose(bundle, certified=True, here=with_gpu).backend == "onnxruntime"
    with pytest.raises(UncertifiedError):
        choose(bundle, Wanted(backend="tensorrt-rtx"), here=with_gpu)
    assert choose(bundle, Wanted(backend="tensorrt-rtx"), certified=False, here=with_gpu) == candidate
    assert main([*given, "--tensorrt-rtx", "--tensorrt-slots", "256"]) == 0
    assert "is up to date" in capsys.readouterr().out
    assert not has_portable(bundle.manifest, _VERSION, turing=True)
