"""The NVIDIA GPU of this machine, as its driver tells: name, compute capability, driver. Without any CUDA library.

libcuda comes with the driver, so that a machine that cannot load it has no GPU to run on. It is asked through the C
interface that the driver keeps stable (cuInit, cuDeviceGet, cuDeviceGetName, cuDeviceGetAttribute, cuDeviceTotalMem).
It knows nothing of engines or bundles.
"""

from __future__ import annotations

import ctypes
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LIBRARY = "libcuda.so.1"
_DRIVER = Path("/proc/driver/nvidia/version")
# CUdevice_attribute in cuda.h.
_MAJOR, _MINOR, _CPUS = 75, 76, 16


@dataclass(frozen=True, slots=True)
class Gpu:
    """An NVIDIA GPU.

    Attributes:
        name: of the model, such as "NVIDIA L4".
        compute_capability: such as "8.9".
        driver: its version, such as "580.95.05"; "unknown" where the system does not tell.
        memory: in bytes.
        multiprocessors: how many it has.
    """

    name: str
    compute_capability: str
    driver: str
    memory: int
    multiprocessors: int


@functools.cache
def gpu() -> Gpu | None:
    """The first GPU that this process may use (CUDA_VISIBLE_DEVICES counts); None without one, or without a driver."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    return read_gpu(library, driver=driver_version(_DRIVER))


def read_gpu(library: Any, *, driver: str) -> Gpu | None:
    """Ask a loaded libcuda for its first device; None if it has none, or does not tell of it.

    Args:
        library: libcuda, or what answers like it: every function returns 0 for success.
        driver: version of the driver.
    """
    count, device = ctypes.c_int(), ctypes.c_int()
    if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    numbers = {number: ctypes.c_int() for number in (_MAJOR, _MINOR, _CPUS)}
    failed = (
        library.cuDeviceGet(ctypes.byref(device), 0)
        or library.cuDeviceGetName(name, len(name), device)
        or library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        or any(library.cuDeviceGetAttribute(ctypes.byref(value), number, device) for number, value in numbers.items())
    )
    if failed:
        return None
    capability = f"{numbers[_MAJOR].value}.{numbers[_MINOR].value}"
    return Gpu(name.value.decode(), capability, driver, memory.value, numbers[_CPUS].value)


def driver_version(path: Path) -> str:
    """From the line that the kernel's module writes: the first number with two dots in it, or one."""
    try:
        found = re.search(r"\b\d+\.\d+(\.\d+)?\b", path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return "unknown"
    return found[0] if found else "unknown"
