"""The estimate of an engine's speed: a roofline over kernels, and marked as an estimate wherever it is shown."""

from __future__ import annotations

import pytest

from bench.gpu.engines.cost_model import ATTAINED_MATRIX, ATTAINED_MEMORY, LAUNCH, can_run, seconds_of, work_of
from bench.gpu.engines.gpus import GPUS, Gpu
from export.certify.attest.tensorrt_layers import Layer, Tensor

MADE_UP = Gpu("a GPU", "8.9", 100, "made up", {"fp16": 100, "fp32": 10})


def kernel(name: str, inputs: list[Tensor], constants: list[Tensor], output: Tensor, precision: str = "fp16") -> Layer:
    kind = "gemm" if "MatMul" in name else "kgen"
    return Layer(name, kind, 0, (name,), precision, tuple(inputs), tuple(constants), (output,))


def half(*shape: int) -> Tensor:
    return Tensor("fp16", shape)


GEMM = kernel("/up/MatMul", [half(8192, 384)], [half(384, 1536), Tensor("fp32", (1,))], half(8192, 1536))
ATTENTION = kernel("_gemm_mha_v2", [half(1536, 64, 32), half(1536, 32, 64)], [], half(1536, 64, 32))
ADD = kernel("__myl_Add", [half(8192, 384), half(8192, 384)], [], half(8192, 384))
LOOKUP = kernel("__myl_Gath", [Tensor("int64", (8192,))], [half(30522, 384)], half(8192, 384))


def test_operations_are_those_of_matrix_multiplications() -> None:
    assert work_of(GEMM, 64).operations == 2 * 8192 * 384 * 1536
    # Two multiplications of length x length x size in each of 128 x 12 heads.
    assert work_of(ATTENTION, 64).operations == 2 * 2 * 1536 * 64 * 64 * 32
    assert work_of(ADD, 64).operations == 0


def test_bytes_are_what_is_read_and_written_and_of_a_table_what_is_looked_up() -> None:
    assert work_of(ADD, 64).bytes == 3 * 2 * 8192 * 384
    assert work_of(GEMM, 64).bytes == 2 * (8192 * 384 + 384 * 1536 + 8192 * 1536) + 4
    assert work_of(LOOKUP, 64).bytes == 8 * 8192 + 2 * 2 * 8192 * 384


def test_a_kernel_takes_the_longer_of_the_two_and_its_launch() -> None:
    memory = work_of(ADD, 64).bytes / (ATTAINED_MEMORY * 100e9)
    assert seconds_of([ADD], 64, MADE_UP) == pytest.approx(LAUNCH + memory)
    matrix = work_of(GEMM, 64).operations / (ATTAINED_MATRIX * 100e12)
    bound = max(matrix, work_of(GEMM, 64).bytes / (ATTAINED_MEMORY * 100e9))
    assert seconds_of([GEMM, ADD], 64, MADE_UP) == pytest.approx(2 * LAUNCH + memory + bound)


def test_a_gpu_without_a_precision_gets_no_estimate() -> None:
    in_fp8 = kernel("/up/MatMul", [half(8, 8)], [half(8, 8)], half(8, 8), precision="fp8")
    assert not can_run([in_fp8, ADD], MADE_UP)
    assert can_run([GEMM, ADD], MADE_UP)


def test_data_sheets_are_whole() -> None:
    assert [gpu.name for gpu in GPUS] == [
        *("T4", "A10", "L4", "L40S", "A100 80GB SXM", "H100 SXM", "RTX 4090", "RTX 5090")
    ]
    for gpu in GPUS:
        assert gpu.source
        # Each step down in precision is at least as fast, and fp8 is there from compute capability 8.9 on.
        assert gpu.teraflops["fp32"] < gpu.teraflops["fp16"] <= gpu.teraflops["int8"]
        assert ("fp8" in gpu.teraflops) == (tuple(map(int, gpu.compute_capability.split("."))) >= (8, 9))
