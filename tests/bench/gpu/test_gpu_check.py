"""The check for GPUs, where there is none: it ends with a table of what is missing, and its parts do what they say.

What needs no GPU runs on a small model: models, bundles, speeds and peers, on the CPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.gpu.__main__ import Part, _read, answer, plan
from bench.gpu.baselines import percentiles, pipeline_fp16, torch_fp16
from bench.gpu.models import (
    flops_of,
    make_bundle,
    make_checkpoint,
    make_corpus,
    make_fp8_bundle,
    sentences_in,
    train_briefly,
)
from bench.gpu.parts import PARTS, run_part
from bench.gpu.speed import candidates_on_gpu, has_slow_kernel, kernels_in, speed_of
from bench.gpu.table import failures, table
from bench.workloads.bert_large import Shape
from runtime.bundle.store import Candidate, open_bundle
from runtime.system.gpu import gpu

_ROOT = Path(__file__).parents[3]
_SMALL = Shape(hidden=32, layers=1, heads=2, inner=64, vocabulary=6000)
without_gpu = pytest.mark.skipif(gpu() is not None, reason="this machine has a GPU")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu") / "corpus"
    make_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(corpus: Path) -> Path:
    folder = corpus.with_name("checkpoint")
    make_checkpoint(folder, _SMALL, corpus)
    return folder


@without_gpu
def test_without_a_gpu_it_ends_with_what_is_missing(tmp_path: Path) -> None:
    output = tmp_path / "made" / "check.json"
    command = [sys.executable, "-m", "bench.gpu", "--output", str(output)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "missing: this machine has no NVIDIA GPU, or no driver for it: nothing is measured" in done.stdout
    last = json.loads(done.stdout.splitlines()[-1])
    answers = json.loads(output.read_text())
    assert last["missing"] == [part.name for part in plan()]
    assert set(answers) == {"environment", *last["missing"]}
    assert answers["environment"]["found"]["gpu"] is None


def test_each_part_is_known_and_needs_what_comes_before_it() -> None:
    names = [part.name for part in plan()]
    assert len(set(names)) == len(names)
    for number, part in enumerate(plan()):
        assert part.name.partition(":")[0] in PARTS
        assert set(part.needs) <= set(names[:number])
    assert {name.partition(":")[0] for name in names} == {*PARTS} - {"environment"}


def test_a_part_that_fails_is_a_line(tmp_path: Path) -> None:
    told = run_part("certify", tmp_path)
    assert set(told) == {"missing", "trace"}
    assert "error" in told["missing"]
    told = run_part("bundle:minilm", tmp_path)
    assert str(tmp_path) in told["missing"]


def test_minilm_is_done_before_the_large_model_is_begun() -> None:
    names = [part.name for part in plan()]
    order = ["engines:minilm", "speed:minilm:0", "certify", "attention", "tests", "engines:bert-large"]
    order += ["speed:bert-large:0", "pipeline:bert-large", "speed:minilm:5", "export"]
    assert [name for name in names if name in order] == order
    needs = {part.name: part.needs for part in plan()}
    assert all("backends" in needs[name] for name in ("bundle:minilm", "bundle:bert-large", "certify", "attention"))
    assert needs["torch:minilm"] == ("models",)


@without_gpu
def test_without_an_engine_for_gpus_it_is_a_line(tmp_path: Path) -> None:
    told = run_part("backends", tmp_path)
    line = "neither ONNX Runtime's CUDA provider nor TensorRT is installed; run make setup GPU=1"
    assert told == {"missing": f"this machine: {line}"}


def test_a_damaged_answer_is_none(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text('{"found": {"sum')
    assert _read(tmp_path / "answer.json") == _read(tmp_path / "nothing.json") == {}
    (tmp_path / "answer.json").write_text('{"found": {}}')
    assert _read(tmp_path / "answer.json") == {"found": {}}


def test_kernels_of_attentions_are_read_from_what_onnx_runtime_prints() -> None:
    log = (
        "\x1b[36mOperator=MultiHeadAttention Node=/layers.0/Attention DataType=fp16 SdpaKernel=FLASH_ATTENTION\x1b[0m\n"
        "\x1b[36mOperator=MultiHeadAttention Node=/layers.1/Attention DataType=fp16 SdpaKernel=FLASH_ATTENTION\x1b[0m\n"
        "another line\n\x1b[36mOperator=MultiHeadAttention DataType=fp32 SdpaKernel=MATH\x1b[0m\n"
    )
    assert kernels_in(log) == [
        "Operator=MultiHeadAttention DataType=fp16 SdpaKernel=FLASH_ATTENTION",
        "Operator=MultiHeadAttention DataType=fp32 SdpaKernel=MATH",
    ]
    assert not has_slow_kernel(kernels_in(log))
    assert has_slow_kernel(kernels_in("Operator=MultiHeadAttention Node=/a DataType=fp16 SdpaKernel=MATH\x1b[0m"))


def test_attention_claims_nothing_where_nothing_ran(checkpoint: Path, corpus: Path) -> None:
    folder = corpus.with_name("minilm") / "bundle"
    make_bundle(checkpoint, folder, corpus)
    if candidates_on_gpu(folder):
        pytest.skip("this machine has a GPU and an engine for it")
    told = run_part("attention", corpus.parent)
    assert "no candidate of ONNX Runtime runs on this GPU" in told["missing"]


def test_what_ran_and_said_no_is_a_failure() -> None:
    answers: dict[str, Any] = {
        "tests": {"found": {"summary": "1 failed, 20 passed", "failed": True}},
        "export": {"found": {"summary": "done", "failed": False}},
        "matrix": {"missing": "torch is not installed"},
    }
    assert failures(answers) == ["tests"]
    assert "FAILED: tests" in table(answers)
    assert "FAILED: export" not in table(answers)


def test_a_part_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    told = answer(Part("models", 1), tmp_path)
    assert told["missing"] == "not done after 1 seconds"


def test_a_checkpoint_learns(checkpoint: Path, corpus: Path) -> None:
    done = train_briefly(checkpoint, corpus, seconds=2.0, device="cpu")
    assert done["steps"] >= 1
    assert done["loss"] < 3
    assert flops_of(checkpoint) == 2 * (4 * 32 * 32 + 2 * 32 * 64)


def test_bundle_speed_and_baselines(checkpoint: Path, corpus: Path) -> None:
    folder = corpus.with_name("bundle")
    said = make_bundle(checkpoint, folder, corpus)
    assert said[0].startswith("fp16: activations reach")
    graphs = {graph.file for graph in open_bundle(folder).manifest.graphs}
    assert {"packed-fp32.onnx", "packed-fp16.onnx"} <= graphs
    assert gpu() is not None or candidates_on_gpu(folder) == []

    texts = [" ".join(words) for words, _ in sentences_in(corpus / "valid.txt")[:40]]
    lengths = [12, 30, 100, 7, 62] * 8
    on_cpu = Candidate("packed-fp16.onnx", "onnxruntime", "fp16", "cpu")
    speed = speed_of(folder, on_cpu, lengths=lengths, texts=texts, seconds=0.05)
    assert 0.5 < speed["fill"] <= 1
    assert min(speed[name] for name in ("tokens_per_second", "engine_pieces_per_second", "texts_per_second")) > 0
    torch = torch_fp16(checkpoint, lengths, seconds=0.05, device="cpu")
    assert torch["tokens_per_second"] > 0
    for latency in (speed["latency_ms"], torch["latency_ms"]):
        assert set(latency) == {"64", "128", "512"}
        assert all(0 < each["p50"] <= each["p99"] for each in latency.values())
    assert pipeline_fp16(checkpoint, texts, seconds=0.05, device="cpu")["texts_per_second"] > 0

    eighth = corpus.with_name("fp8")
    assert "labels in 10,000 changed on held-out text" in make_fp8_bundle(folder, eighth, corpus)[0]
    manifest = open_bundle(eighth).manifest
    assert [graph.file for graph in manifest.graphs] == ["packed-fp8.onnx"]
    assert manifest.attestations[0].shares["fp8"] > 0.5
    on_cpu = Candidate("packed-fp8.onnx", "onnxruntime", "fp8", "cpu")
    assert speed_of(eighth, on_cpu, lengths=lengths, texts=texts, seconds=0.05)["tokens_per_second"] > 0


def test_percentiles_are_milliseconds() -> None:
    assert percentiles([0.001, 0.003, 0.002]) == pytest.approx({"p50": 2.0, "p99": 2.98})


def test_table_of_a_gpu() -> None:
    candidate = "packed-fp16.plan on tensorrt in fp16, cuda"
    latency = {length: {"p50": 1.0, "p99": 2.0} for length in ("64", "128", "512")}
    found: dict[str, Any] = {
        "environment": {
            "gpu": {"name": "NVIDIA L4", "compute_capability": "8.9", "driver": "580.95"},
            "machine": {"python": "3.11.7", "versions": {"torch": "2.9"}},
            "torch_cuda": "built with CUDA 13.0, GPU found",
            "missing": [],
        },
        "matrix": {"fp16": 100e12, "shape": "8192 x 8192 x 8192"},
        "speed:minilm:0": {
            "candidate": candidate,
            "tokens_per_second": 2e6,
            "engine_pieces_per_second": 2.5e6,
            "flops_per_token": 20e6,
            "texts_per_second": 5000.0,
            "latency_ms": latency,
        },
        "pipeline:minilm": {"texts_per_second": 250.0},
        "certify": {
            "certificates": [
                {
                    "file": "packed-fp16.plan",
                    "backend": "tensorrt",
                    "precision": "fp16",
                    "device": "cuda",
                    "measured": {"changed_per_10k": 0.5},
                }
            ]
        },
        "engines:minilm": {"said": ["packed-fp16.plan: 12 shapes"]},
        "fp8:minilm": {
            "candidate": "packed-fp8.plan on tensorrt in fp8, cuda",
            "tokens_per_second": 3e6,
            "flops_per_token": 2e7,
        },
        "fp8:bert-large": {"said": ["this GPU does not multiply in fp8"]},
    }
    answers = {name: {"found": each} for name, each in found.items()} | {
        "speed:minilm:1": {"missing": "onnxruntime is not installed"}
    }
    shown = table(answers)
    assert "NVIDIA L4 (compute capability 8.9, driver 580.95)" in shown
    row = "| minilm | " + candidate + " | 2,000,000 | 2,500,000 | 50.0% | 5,000 | 20.0 | 1.00 | 1.00 | 1.00 | 0.5 |"
    assert row in shown
    assert "engines:minilm: packed-fp16.plan: 12 shapes" in shown
    assert "| minilm | packed-fp8.plan on tensorrt in fp8, cuda | 3,000,000 |" in shown
    assert "fp8:bert-large: this GPU does not multiply in fp8" in shown
    assert "missing: speed:minilm:1: onnxruntime is not installed" in shown
