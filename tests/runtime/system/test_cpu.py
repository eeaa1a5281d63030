"""The features of a CPU, by the flags that Linux gives it."""

from __future__ import annotations

import pytest

from runtime.system.cpu import CpuFeature, cpu_features, cpu_features_of, has_bf16


@pytest.mark.parametrize(
    ("flags", "architecture", "expected"),
    [
        ("fma avx2 f16c", "x86_64", {"no vnni"}),
        ("avx512f avx512bw avx512vl", "x86_64", {"no vnni"}),
        ("avx2 avx_vnni", "AMD64", {"vnni"}),
        ("avx512f avx512_vnni", "x86_64", {"vnni"}),
        ("avx512_vnni avx512_bf16 amx_bf16 amx_int8", "x86_64", {"vnni", "bf16"}),
        ("asimd asimddp i8mm bf16", "aarch64", {"vnni", "bf16"}),
        ("", "arm64", {"vnni"}),
        ("", "x86_64", set()),
    ],
)
def test_features_by_flags_and_architecture(flags: str, architecture: str, expected: set[CpuFeature]) -> None:
    assert cpu_features_of(frozenset(flags.split()), architecture) == expected


def test_this_cpu_adds_in_one_way() -> None:
    assert len(cpu_features() & {"vnni", "no vnni"}) <= 1
    assert has_bf16() == ("bf16" in cpu_features())
