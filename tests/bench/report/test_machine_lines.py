"""Lines about the machine."""

from __future__ import annotations

from bench.report.machine_lines import machine_lines
from bench.schema.result import Roofline
from tests.bench.report.results import a_result


def test_lines_say_what_ran_where() -> None:
    result = a_result()
    result.workloads[0].rooflines = {"fp32": Roofline([1, 1, 1], "torch", [2e11], 2e11)}
    lines = machine_lines(result)
    assert lines[0] == "CPU: A Processor, 2 cores, 2 used; 8 GiB"
    assert "Matrix multiplication, G operations a second: fp32 200" in lines
    assert lines[-2:] == ["Benchmark: full, 1.0 minutes", f"Workload sentences: 100 texts, sha256 {'ef' * 6}, seed 1"]


def test_what_is_not_known_is_said_to_be_so() -> None:
    result = a_result()
    result.workloads, result.bundle = [], {"manifest_sha256": ""}
    result.machine = {**result.machine, "load_average_after": []}
    lines = "\n".join(machine_lines(result))
    assert "second: not measured" in lines
    assert "after unknown" in lines
    assert "bundle none" in lines
