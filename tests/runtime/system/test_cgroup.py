"""The CPU time that control groups allow, as containers see them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from runtime.system.cgroup import cpu_limit

_V2 = "0::/kubepods/pod7/app\n"
_V1 = "12:memory:/docker/7\n4:cpu,cpuacct:/docker/7\n0::/\n"


def _root(folder: Path, groups: str, files: dict[str, str]) -> Path:
    for name, content in {"proc/self/cgroup": groups, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        (_V2, {"sys/fs/cgroup/kubepods/pod7/app/cpu.max": "150000 100000\n"}, 1.5),
        (_V2, {"sys/fs/cgroup/kubepods/pod7/app/cpu.max": "max 100000\n"}, math.inf),
        # The pod's limit holds for its containers.
        (
            _V2,
            {
                "sys/fs/cgroup/kubepods/pod7/app/cpu.max": "max 100000\n",
                "sys/fs/cgroup/kubepods/pod7/cpu.max": "50000 100000\n",
            },
            0.5,
        ),
        # A container sees its own group at the mount, whatever its path is.
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        (_V2, {"sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        (
            _V1,
            {
                "sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            _V1,
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        (_V1, {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "1\n"}, math.inf),
        (_V1, {"sys/fs/cgroup/memory/docker/7/cpu.max": "1 1"}, math.inf),
        ("nonsense\n", {"sys/fs/cgroup/cpu.max": "a b c"}, math.inf),
    ],
)
def test_the_limit_of_a_container(groups: str, files: dict[str, str], limit: float, tmp_path: Path) -> None:
    assert cpu_limit(_root(tmp_path, groups, files)) == limit


def test_a_system_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert cpu_limit(tmp_path) == math.inf
