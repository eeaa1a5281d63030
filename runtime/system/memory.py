"""The memory that this process takes."""

from __future__ import annotations

from pathlib import Path


def peak_bytes() -> int:
    """The largest memory that this process ever held (the Linux kernel's VmHWM); 0 where it is not known."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    # The kernel counts in KiB.
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
