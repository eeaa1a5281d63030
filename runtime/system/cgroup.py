"""The CPU time that a container may use: Linux's control groups, version 1 and 2, as Kubernetes and Docker set them.

    v2    cpu.max: "200000 100000" is 200 ms of each 100 ms, two CPUs; "max 100000" is no limit
    v1    cpu.cfs_quota_us and cpu.cfs_period_us; a quota of -1 is no limit

A group has its parents' limits, too (kernel documentation, admin-guide/cgroup-v1 and cgroup-v2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_V1_MOUNTS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


def cpu_limit(root: Path = Path("/")) -> float:
    """Number of CPUs whose time this process may use; infinite where nothing limits it.

    Args:
        root: where /proc and /sys are.
    """
    limits = [limit for folder in _folders(root) for limit in (_limit_v2(folder), _limit_v1(folder)) if limit > 0]
    return min(limits, default=math.inf)


def _folders(root: Path) -> Iterator[Path]:
    """The folders of this process's groups and of all their parents."""
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        # In a container, the path may be the host's; the container sees its own group at the mount itself.
        group = PurePosixPath(path.lstrip("/"))
        if not controllers:
            yield from ((mount / at / parent) for at in ("", "unified") for parent in (group, *group.parents))
        elif "cpu" in controllers.split(","):
            yield from ((mount / at / parent) for at in _V1_MOUNTS for parent in (group, *group.parents))


def _limit_v2(folder: Path) -> float:
    quota, _, period = _text(folder / "cpu.max").partition(" ")
    return _quotient(quota, period)


def _limit_v1(folder: Path) -> float:
    return _quotient(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))


def _quotient(quota: str, period: str) -> float:
    """CPUs; 0 where there is no limit."""
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return 0
    return int(quota) / int(period)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
