"""docs/gpu.md says what the GPU check's JSON says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bench.gpu.page import ESTIMATES, MARKS, block_of, main, share_of
from bench.schema.result import Roofline, read_result, write_result
from tests.bench.report.results import a_result
from tests.conftest import ROOT

RESULT = Path("bench/results/gpu-check-h100.json")


def test_the_page_is_written_from_its_json() -> None:
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    estimates = json.loads((ROOT / ESTIMATES).read_text(encoding="utf-8"))
    block = block_of(read_result(ROOT / RESULT), RESULT, estimates)
    assert page.partition(MARKS[0])[2].partition(MARKS[1])[0] == f"\n{block}"
    # Of a measured GPU, the estimate stands beside.
    assert "| tokens/s, the backend alone | ~13,257,000 |" in block


def test_it_is_checked_and_written_anew(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "docs" / "gpu.md", tmp_path / "gpu.md")
    arguments = [str(tmp_path / "a.json"), "--docs", str(tmp_path / "gpu.md"), "--estimates", str(ROOT / ESTIMATES)]
    result = a_result(0.25)
    result.workloads[0].rooflines["fp32"] = Roofline([1, 1, 1], "a library", [4e9], 4e9)
    result.rows[0].throughput[0].backend_seconds = 0.5
    write_result(tmp_path / "a.json", result)
    assert main([*arguments, "--check"]) == 1
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0
    text = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    # 2,000 tokens in half a second, a million operations each, of 4 G a second.
    assert "| nerve-a | 400 | 1,000 | - | - | - | 4,000 | 100.0% | - | - | 0.0 |" in text
    assert "## Estimates for GPUs" in text


def test_a_share_needs_a_rate() -> None:
    result = a_result()
    assert share_of(1000.0, result.rows[0], result.workloads[0]) is None
