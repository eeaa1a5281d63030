"""docs/gpu.md says what the GPU check's JSON says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bench.gpu.page import ESTIMATES, MARKS, block_of, earlier_of, main, share_of
from bench.schema.result import Result, Roofline, read_result, write_result
from tests.bench.report.results import a_result
from tests.conftest import ROOT

RESULT = Path("bench/results/gpu-check-h100.json")


def test_the_page_is_written_from_its_json() -> None:
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    estimates = json.loads((ROOT / ESTIMATES).read_text(encoding="utf-8"))
    first = RESULT.with_name("gpu-check-h100-first.json")
    block = block_of(read_result(ROOT / RESULT), RESULT, estimates, (read_result(ROOT / first), first))
    assert page.partition(MARKS[0])[2].partition(MARKS[1])[0] == f"\n{block}"
    # Of a measured GPU, the estimate stands beside; the first run's MiniLM, which the later one has no speed of.
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


def _large(**changes: bool) -> Result:
    """A check of bert-large on an H100, of which an estimate is there."""
    result = a_result(0.25)
    result.workloads[0].name = "bert-large"
    result.machine = {**result.machine, "gpu": ["NVIDIA H100 80GB HBM3, 1, 2"], "commit_changed": True}
    for row in result.rows:
        row.throughput[0].workload = row.accuracy[0].workload = "bert-large"
        row.accuracy = row.accuracy if changes.get("scored", True) else []
        row.throughput = row.throughput if changes.get("timed", True) else []
        if row.group == "nerve" and not changes.get("ours", True):
            row.throughput = []
    return result


def _block(result: Result, earlier: Result | None = None) -> str:
    estimates = json.loads((ROOT / ESTIMATES).read_text(encoding="utf-8"))
    return block_of(result, RESULT, estimates, None if earlier is None else (earlier, Path("a", "first.json")))


def test_any_model_or_part_may_be_missing() -> None:
    whole = _block(_large())
    assert "| nerve-a | 400 |" in whole
    assert "commit abc with changes" in whole
    untimed = _block(_large(timed=False))
    assert "No speed was measured" in untimed
    assert "| nerve-a | 0.9000 | 0.0 |" in untimed
    assert "estimate" not in untimed
    assert "| nerve-a |" not in _block(_large(timed=False, scored=False))
    # The baselines alone: the estimate stands beside nothing.
    assert "| tokens/s, from text to entities | - | - |" in _block(_large(ours=False))
    nothing = _large()
    nothing.workloads = []
    assert "bert-large: share of the measured matrix rate | at least 35.0% | - | not measured" in _block(nothing)


def test_an_earlier_run_stands_for_what_a_later_one_lacks(tmp_path: Path) -> None:
    assert "bert-large, first run (2026-01-01, commit abc, before the mends" in _block(_large(timed=False), _large())
    assert "first run" not in _block(_large(), _large())
    assert "first run" not in _block(_large(timed=False), _large(timed=False))
    assert earlier_of(tmp_path / "name.json") is None
    write_result(tmp_path / "name-first.json", _large())
    found = earlier_of(tmp_path / "name.json")
    assert found is not None
    assert found[0].workloads[0].name == "bert-large"


def test_a_share_needs_a_rate() -> None:
    result = a_result()
    assert share_of(1000.0, result.rows[0], result.workloads[0]) is None
