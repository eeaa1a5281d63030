"""A small result for tests of reports: one of Nerve's candidates and one baseline, on one workload."""

from __future__ import annotations

from typing import Any

from bench.schema.result import Accuracy, Latency, Measured, Result, Row, Throughput

MACHINE: dict[str, Any] = {
    **{"cpu": "A Processor", "flags": ["avx2"], "cores": 2, "cores_usable": 2, "memory_bytes": 2**33},
    **{"governor": "unknown", "virtual": False, "gpu": [], "load_average": [0.1], "load_average_after": [0.2]},
    **{"python": "3.11", "versions": {}, "commit": "abc", "commit_changed": False},
}


def a_row(name: str, seconds: list[float]) -> Row:
    """A row whose runs took so many seconds, and whose calls took ten milliseconds for each of them."""
    found = Throughput("sentences", [1, 1, 1], [], 1, seconds, 100 / sorted(seconds)[len(seconds) // 2], 1000.0)
    milliseconds = [[10 * one] * 3 for one in seconds]
    row = Row(name, f"{name} on openvino", "nerve" if name.startswith("nerve") else "baseline", "fp32")
    row.throughput, row.peak_bytes = [found], 2**20
    row.latency = [Latency("sentence", milliseconds, 10.0, 11.0, 12.0)]
    row.accuracy = [Accuracy("sentences", 0.9, 0.9, 0.9, 0.0, 0.0, 0.0)]
    return row


def a_result(factor: float = 1.0) -> Result:
    """A result in which Nerve's candidate takes `factor` times as long as the baseline."""
    seconds = [1.0, 1.01, 0.99, 1.005, 0.995]
    rows = [a_row("nerve-a", [factor * one for one in seconds]), a_row("baseline", seconds)]
    measured = Measured("sentences", "ef" * 32, 1, 100, 1000, 2000, 1e6, "baseline", "nerve-a")
    return Result(
        made="2026-01-01T00:00:00+00:00",
        seconds=60.0,
        quick=False,
        threads=2,
        method=[],
        machine=MACHINE,
        bundle={"manifest_sha256": "ab" * 32},
        checkpoint={"name": "fake", "sha256": "cd" * 32, "architecture": "bert"},
        workloads=[measured],
        rows=rows,
        notes=[],
    )
