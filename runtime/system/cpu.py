"""CPU features on which the answers in low precision depend. A certificate holds only on CPUs with the same features.

CPUs multiply int8 in two ways. Those with "vector neural network instructions" (x86 with AVX-512 VNNI, AVX-VNNI or
AMX) add the products in 32 bits. Other x86 CPUs first add two products in 16 bits, and a sum that is too large is cut
off (Intel's manual, VPMADDUBSW: 255 * 127 * 2 = 64,770 > 32,767). So a graph can be right on the first kind of CPU and
wrong on the second, and no library says so. Weights of 7 bits are right on both: see SEVEN_BIT_LARGEST.

Linux tells the instructions of a CPU. Where nothing tells them, no feature is assumed. The module does not know graphs
or certificates.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

CpuFeature = Literal["vnni", "no vnni", "bf16"]
"""vnni: the CPU adds int8 products in 32 bits. no vnni: in 16 bits. bf16: it multiplies in bf16."""

ANY_SUMS: tuple[CpuFeature, ...] = ("vnni", "no vnni")
"""The two ways to add int8 products. A known CPU has exactly one of them."""

SEVEN_BIT_LARGEST = 64
"""The largest weight whose products every CPU adds exactly: 255 * 64 * 2 = 32,640 <= 32,767."""

_CPU_INFO = Path("/proc/cpuinfo")
# Names of the Linux kernel, for x86 and ARM (bf16).
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_X86 = frozenset({"x86_64", "amd64", "i386", "i686"})


def cpu_features_of(flags: frozenset[str], architecture: str) -> frozenset[CpuFeature]:
    """The features of a CPU.

    Args:
        flags: names of its instructions, as Linux writes them; empty where they are unknown.
        architecture: as platform.machine() gives it.
    """
    found: set[CpuFeature] = set()
    # Only x86 has an instruction that adds int8 products in 16 bits.
    if architecture.lower() not in _X86 or not _VNNI_FLAGS.isdisjoint(flags):
        found.add("vnni")
    elif flags:
        # Only with known flags: where they are unknown, both features would be a guess.
        found.add("no vnni")
    if not _BF16_FLAGS.isdisjoint(flags):
        found.add("bf16")
    return frozenset(found)


@functools.cache
def cpu_features() -> frozenset[CpuFeature]:
    """The features of this machine's CPU."""
    return cpu_features_of(flags_of(cpu_info()), platform.machine())


def has_bf16() -> bool:
    """Whether this CPU multiplies in bf16."""
    return "bf16" in cpu_features()


def cpu_info() -> dict[str, str]:
    """The entries of /proc/cpuinfo for the first CPU, by Linux's names; empty on other systems."""
    try:
        first = _CPU_INFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def flags_of(info: Mapping[str, str]) -> frozenset[str]:
    """Names of a CPU's instructions; Linux lists them as "flags" on x86 and as "Features" on ARM."""
    return frozenset(info.get("flags", info.get("Features", "")).split())
