"""What the CPU's instructions mean for answers in low precision: a certificate holds where they are the same.

CPUs multiply int8 in two ways. Those with "vector neural network instructions" (x86 with AVX-512 VNNI, AVX-VNNI
or AMX) add the products in 32 bits. Other x86 CPUs first add two products in 16 bits, and cut the sum off where
it does not fit (Intel's manual, VPMADDUBSW: 255 * 127 * 2 = 64,770 > 32,767), so that a graph that was right on the
former is wrong on the latter, without a word from the engine. Weights of 7 bits never come so far: see NARROW.

Linux tells which a CPU has. Where nothing tells, neither is counted on.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

CpuFeature = Literal["vnni", "no vnni", "bf16"]
"""vnni: products in int8 are added in 32 bits. no vnni: they are not. bf16: it multiplies in bf16."""

ANY_SUMS: tuple[CpuFeature, ...] = ("vnni", "no vnni")
"""What a CPU has one of, and no CPU both."""

SEVEN_BIT_LARGEST = 64
"""Weights up to this are added up exactly by every CPU: 255 * 64 * 2 = 32,640 <= 32,767."""

_CPU_INFO = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_X86 = frozenset({"x86_64", "amd64", "i386", "i686"})


def cpu_features_of(flags: frozenset[str], architecture: str) -> frozenset[CpuFeature]:
    """What a CPU can do.

    Args:
        flags: as Linux names its instructions; none where nothing tells.
        architecture: as platform.machine() says. Others than x86 have no instruction that adds int8 in 16 bits.
    """
    found: set[CpuFeature] = set()
    if architecture.lower() not in _X86 or not _VNNI_FLAGS.isdisjoint(flags):
        found.add("vnni")
    elif flags:
        found.add("no vnni")
    if not _BF16_FLAGS.isdisjoint(flags):
        found.add("bf16")
    return frozenset(found)


@functools.cache
def cpu_features() -> frozenset[CpuFeature]:
    """What this CPU can do."""
    return cpu_features_of(flags_of(cpu_info()), platform.machine())


def has_bf16() -> bool:
    """Whether this CPU multiplies in bf16."""
    return "bf16" in cpu_features()


def cpu_info() -> dict[str, str]:
    """What Linux tells of the first CPU, by its own names; empty where nothing tells."""
    try:
        first = _CPU_INFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def flags_of(info: Mapping[str, str]) -> frozenset[str]:
    """Names of a CPU's instructions, which x86 and ARM tell under names of their own."""
    return frozenset(info.get("flags", info.get("Features", "")).split())
