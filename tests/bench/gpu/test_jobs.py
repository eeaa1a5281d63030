"""The jobs of the GPU check that time nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.gpu import jobs
from bench.gpu.jobs import has_slow_kernel, kernels_in
from bench.measure.jobs import Session
from bench.systems.base import Failure
from runtime.system.gpu import gpu
from tests.conftest import ROOT

without_gpu = pytest.mark.skipif(gpu() is not None, reason="this machine has a GPU")


@without_gpu
def test_without_a_gpu_the_environment_says_so() -> None:
    answer = jobs.environment(Session())
    assert not answer.passed
    assert answer.lines == ["this machine has no NVIDIA GPU, or no driver for it: nothing is measured"]


@without_gpu
def test_without_a_backend_for_gpus_it_is_a_line() -> None:
    with pytest.raises(Failure, match="neither ONNX Runtime's CUDA provider nor TensorRT is installed; run make setup"):
        jobs.backends(Session())


@without_gpu
def test_attention_claims_nothing_where_nothing_ran(small_bundle: Path) -> None:
    with pytest.raises(Failure, match="no candidate of ONNX Runtime runs on this GPU"):
        jobs.attention(Session(), small_bundle)


@pytest.mark.skipif(find_spec("optimum") is not None, reason="Optimum is installed")
def test_export_without_optimum_is_a_line(small_checkpoint: Path, sample: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="optimum is not installed"):
        jobs.export(Session(), small_checkpoint, sample, tmp_path / "exported")


def test_without_pytest_the_tests_are_not_installed_and_nothing_failed() -> None:
    script = """
import sys
sys.modules["pytest"] = None
from bench.gpu import jobs
from bench.measure.jobs import Session
print(jobs.tests(Session()))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "Answer(lines=['pytest is not installed'], passed=True, installed=False)\n", done.stderr


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


def test_a_candidate_that_is_refused_hides_no_kernels_of_the_others() -> None:
    kernel = "Operator=MultiHeadAttention DataType=fp16 SdpaKernel=FLASH_ATTENTION"
    names = "packed-fused-fp16.onnx on onnxruntime\npacked-fp16.onnx on onnxruntime\n"
    assert jobs.attentions_in(f"{names}{kernel}\n") == jobs.Answer([kernel])
    refused = "refused: packed-fp16.onnx on onnxruntime: no memory; make batches smaller"
    assert jobs.attentions_in(f"{names}{kernel}\n{refused}\n") == jobs.Answer([kernel, refused], passed=False)
    assert jobs.attentions_in(f"{names}{refused}\n") == jobs.Answer([refused], passed=False)
    with pytest.raises(Failure, match="does not say which kernels"):
        jobs.attentions_in(names)


def test_a_command_that_fails_is_one_line_with_what_it_said_last() -> None:
    with pytest.raises(Failure, match=r"ValueError: no$"):
        jobs.ran(["-c", "raise ValueError('no')"])
    assert jobs.ran(["-c", "print('yes')"]).stdout == "yes\n"


def test_the_tests_that_it_runs_are_there() -> None:
    for file in jobs.TESTS:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert "gpu" in text or "tensorrt" in text
