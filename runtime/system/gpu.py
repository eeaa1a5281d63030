"""The NVIDIA GPU of this machine: its name, compute capability, driver and memory, read without any CUDA package.

The driver brings libcuda, so a machine that cannot load libcuda has no GPU to run on. The module calls functions that
the driver keeps stable: cuInit, cuDeviceGet, cuDeviceGetName, cuDeviceGetAttribute, cuDeviceTotalMem.
It does not know TensorRT engines or bundles.
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
# Values of CUdevice_attribute in cuda.h.
_MAJOR, _MINOR, _MULTIPROCESSORS = 75, 76, 16


@dataclass(frozen=True, slots=True)
class Gpu:
    """An NVIDIA GPU.

    Attributes:
        name: name of the model, such as "NVIDIA L4".
        compute_capability: version of its instructions, such as "8.9".
        driver: version of the driver, such as "580.95.05"; "unknown" where the system does not tell it.
        memory: bytes of its memory.
        multiprocessors: number of streaming multiprocessors.
    """

    name: str
    compute_capability: str
    driver: str
    memory: int
    multiprocessors: int


@functools.cache
def gpu() -> Gpu | None:
    """The first GPU that this process may use, as CUDA_VISIBLE_DEVICES allows; None without a GPU or a driver."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    return read_gpu(library, driver=driver_version(_DRIVER))


def read_gpu(library: Any, *, driver: str) -> Gpu | None:
    """The first device of a loaded libcuda; None where it has none, or one of its functions fails.

    Args:
        library: libcuda, or an object with the same functions; each returns 0 for success.
        driver: version of the driver.
    """
    count, device = ctypes.c_int(), ctypes.c_int()
    # A driver without a device is common (a container, a GPU taken away); to the caller it is the same as no GPU.
    if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    numbers = {number: ctypes.c_int() for number in (_MAJOR, _MINOR, _MULTIPROCESSORS)}
    failed = (
        library.cuDeviceGet(ctypes.byref(device), 0)
        or library.cuDeviceGetName(name, len(name), device)
        or library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        or any(library.cuDeviceGetAttribute(ctypes.byref(value), number, device) for number, value in numbers.items())
    )
    if failed:
        return None
    capability = f"{numbers[_MAJOR].value}.{numbers[_MINOR].value}"
    return Gpu(name.value.decode(), capability, driver, memory.value, numbers[_MULTIPROCESSORS].value)


def driver_version(path: Path) -> str:
    """The driver's version in the file that the kernel's module writes; "unknown" where there is none.

    Args:
        path: the file; its first number with one or two dots is the version.
    """
    # cuDriverGetVersion would give CUDA's version, and libcuda has no function for the driver's own.
    try:
        found = re.search(r"\b\d+\.\d+(\.\d+)?\b", path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return "unknown"
    return found[0] if found else "unknown"
