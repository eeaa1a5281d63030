"""What the driver tells of a GPU; the driver is a stand-in that answers as libcuda does."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from runtime.system.gpu import Gpu, driver_version, gpu, read_gpu


class Driver:
    """libcuda of a machine with so many GPUs."""

    def __init__(self, gpus: int, *, status: int = 0, silent: str = "") -> None:
        self._gpus, self._status, self._silent = gpus, status, silent

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self._status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self._gpus
        return 0

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = 7 + ordinal
        return self._answer("device")

    def cuDeviceGetName(self, name: Any, size: int, device: ctypes.c_int) -> int:  # noqa: N802
        assert device.value == 7
        name.value = b"NVIDIA L4"[: size - 1]
        return self._answer("name")

    def cuDeviceTotalMem_v2(self, memory: Any, device: ctypes.c_int) -> int:  # noqa: N802
        memory._obj.value = 24 << 30
        return self._answer("memory")

    def cuDeviceGetAttribute(self, value: Any, number: int, device: ctypes.c_int) -> int:  # noqa: N802
        value._obj.value = {75: 8, 76: 9, 16: 58}[number]
        return self._answer("attribute")

    def _answer(self, what: str) -> int:
        return 999 if what == self._silent else 0


def test_a_gpu_is_described() -> None:
    assert read_gpu(Driver(1), driver="580.95.05") == Gpu("NVIDIA L4", "8.9", "580.95.05", 24 << 30, 58)


@pytest.mark.parametrize("driver", [Driver(0), Driver(1, status=100)])
def test_no_gpu_is_none(driver: Driver) -> None:
    assert read_gpu(driver, driver="580.95.05") is None


@pytest.mark.parametrize("silent", ["device", "name", "memory", "attribute"])
def test_a_gpu_that_does_not_answer_is_none(silent: str) -> None:
    assert read_gpu(Driver(1, silent=silent), driver="580.95.05") is None


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Mon Sep 22\nGCC version: 12.3.0\n", "580.95.05"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86  Release Build\n", "570.86"),
        ("nothing of the kind\n", "unknown"),
    ],
)
def test_driver_version(line: str, version: str, tmp_path: Path) -> None:
    (tmp_path / "version").write_text(line)
    assert driver_version(tmp_path / "version") == version


def test_no_driver_is_unknown(tmp_path: Path) -> None:
    assert driver_version(tmp_path / "version") == "unknown"


@pytest.mark.gpu
def test_this_machines_gpu() -> None:
    here = gpu()
    assert here is not None
    assert here.name
    assert float(here.compute_capability) >= 5
    assert here.memory > 1 << 30
