"""Lower precisions through `python -m export`: what is made, what of, and what is refused before anything is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from export.__main__ import main
from runtime.bundle.certificate import Precision, Wanted
from runtime.bundle.store import open_bundle
from runtime.tagger import Tagger
from tests.tiny import tiny_checkpoint


def arguments(model: Path, output: Path, corpus: Path, *more: str) -> list[str]:
    return ["--model", str(model), "--output", str(output), "--corpus", str(corpus), "--threads", "1", *more]


def sure(model: Path) -> Path:
    """The checkpoint, sure of every tag; random weights leave some words to the last bit, and the gate fails."""
    weights = load_file(model / "model.safetensors")
    weights["classifier.bias"][0] += 10
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    return model


@pytest.fixture
def decided(tiny_model: Path, tmp_path: Path) -> Path:
    return sure(shutil.copytree(tiny_model, tmp_path / "model"))


def test_lower_precisions_are_made_attested_certified_and_served(
    decided: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino")
    output = tmp_path / "bundle"
    assert main(arguments(decided, output, tiny_corpus)) == 0
    assert main(arguments(decided, output, tiny_corpus)) == 0
    assert "up to date" in capsys.readouterr().out
    # A bundle without a precision that is asked for is not.
    assert main(arguments(decided, output, tiny_corpus, "--int8", "--fp8", "--verbose")) == 0
    shown = capsys.readouterr().out
    assert "fp16: activations reach" in shown
    assert "kept in higher precision: /classifier/MatMul" in shown
    # What takes minutes for a large model says, line by line, what it came to.
    assert "12 linear layers in 8 bits, fitted to" in shown
    assert "with every layer in 8 bits 0.0 labels in 10,000 change" in shown
    stages = [line.split()[0] for line in shown.splitlines() if line and not line.startswith(" ")]
    # int8; fp16 of both layouts, which fp8 is made of; fp8.
    assert stages[stages.index("export") + 1 : stages.index("seal")] == ["fit", "count", "fp16", "fp16", "fit", "count"]
    manifest = open_bundle(output).manifest
    lower: tuple[Precision, ...] = ("int8", "fp16", "fp8")
    for precision in lower:
        assert f"packed-{precision}.onnx" in {graph.file for graph in manifest.graphs if graph.precision == precision}
        assert precision in {certificate.precision for certificate in manifest.certificates if certificate.passed}
        assert precision in {attestation.precision for attestation in manifest.attestations}
        backend = "openvino" if precision == "int8" else "onnxruntime"
        with Tagger.open(output, candidate=Wanted(backend=backend, precision=precision)) as tagger:
            assert tagger.tag(["Maria Keller flew to Oslo ."]) == [[]]
    for_gpus = {graph.file for graph in manifest.graphs if graph.made_for == "onnxruntime"}
    assert for_gpus == {"packed-fused-fp16.onnx", "padded-packing-fp16.onnx"}
    # Which layout is the faster in fp16, the tuner decides.
    halves = {each.candidate.file for each in manifest.speeds if each.candidate.precision == "fp16"}
    assert halves == {"packed-fp16.onnx", "padded-fp16.onnx"}


@pytest.mark.parametrize("architecture", ["deberta-v2", "modernbert"])
def test_rows_that_cannot_be_packed_have_no_lower_precision_and_export_says_so(
    architecture: str, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = sure(tiny_checkpoint(tmp_path / "model", architecture=architecture))
    output = tmp_path / "bundle"
    # DeBERTa's tiny tokenizer makes more sentences too long than a full certificate lets pass.
    given = arguments(model, output, tiny_corpus, "--int8", "--fp16", "--limited-evidence")
    assert main(given) == 0
    assert "cannot be packed, and so without int8 and fp16" in capsys.readouterr().out
    assert main(given) == 0
    assert "up to date" in capsys.readouterr().out
    assert [graph.file for graph in open_bundle(output).manifest.graphs] == ["padded-fp32.onnx"]
