"""Facts about the machine that a reader of a result needs, and nothing that says whose machine it is.

Included are the CPU and its flags, cores, memory, frequency governor, load, GPU and driver, versions of libraries and
the commit. Host name, user, addresses and paths are not. What the system does not say is "unknown".
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runtime.system.cpu import cpu_info, flags_of
from runtime.system.libraries import available_threads

LIBRARIES = (
    *("numpy", "tokenizers", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "torch", "transformers"),
    *("optimum", "optimum-onnx", "ctranslate2", "spacy", "tensorrt"),
)
_UNKNOWN = "unknown"
# A CPU has over a hundred flags; these decide how fast it multiplies.
_TELLING = re.compile(r"fma|f16c|avx\w*|amx\w*|sse4\w*|asimd\w*|sve\w*|i8mm|bf16")


def machine_facts() -> dict[str, Any]:
    """Return the facts about this machine, as they are now."""
    cpu = cpu_info()
    return {
        # Virtual machines often hide the model name; family, model and stepping then say which CPU it is.
        "cpu": cpu.get("model name", platform.processor() or platform.machine()),
        "family": "/".join(cpu.get(key, _UNKNOWN) for key in ("cpu family", "model", "stepping")),
        "flags": sorted(flags_of(cpu)),
        "architecture": platform.machine(),
        "virtual": "hypervisor" in cpu.get("flags", "").split(),
        "cores": os.cpu_count() or 0,
        # A container may allow fewer CPUs than the machine has.
        "cores_usable": available_threads(),
        "memory_bytes": _memory(),
        # A governor that saves power makes short measurements slow.
        "governor": _read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        # Other work on the machine at the same time is the most frequent reason for odd figures.
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else [],
        "gpu": _gpu(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions(LIBRARIES),
        **_commit(),
    }


def arithmetic_flags(machine: dict[str, Any]) -> list[str]:
    """Return those CPU flags that are about arithmetic."""
    return [flag for flag in machine["flags"] if _TELLING.fullmatch(flag)]


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those libraries that are installed."""
    found = {}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _memory() -> int:
    match = re.search(r"MemTotal:\s+(\d+) kB", _read(Path("/proc/meminfo")))
    return 1024 * int(match[1]) if match else 0


def available_memory() -> int:
    """Return how many bytes can be allocated without swapping; 0 where it is not known."""
    match = re.search(r"MemAvailable:\s+(\d+) kB", _read(Path("/proc/meminfo")))
    return 1024 * int(match[1]) if match else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return _UNKNOWN


def _gpu() -> list[str]:
    """Return the name, driver and memory of each NVIDIA GPU."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    return _output([command, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]).splitlines()


def _commit() -> dict[str, Any]:
    """Return the commit of this source tree, and whether files differ from it."""
    here = str(Path(__file__).parent)
    commit = _output(["git", "-C", here, "rev-parse", "HEAD"])
    # Files that git does not track do not belong to the code that was measured.
    changed = _output(["git", "-C", here, "status", "--porcelain", "--untracked-files=no"])
    return {"commit": commit or _UNKNOWN, "commit_changed": bool(changed)}


def _output(command: list[str]) -> str:
    try:
        # A driver that hangs must not hang the benchmark.
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
