"""bert-large's shape by itself: which systems run, and how the page tells of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.large import RANDOM, block, chosen, table
from bench.run_large import time_large
from bench.schema.result import read_result, write_result
from bench.workloads.bert_large import WORKLOAD
from tests.bench.fakes import spec
from tests.bench.report.results import a_result
from tests.bench.test_run_large import _comparison
from tests.conftest import ROOT, Command

PAGE = ROOT / "docs" / "benchmarks.md"
RESULT = Path("bench", "results", "bert-large-shape.json")


def test_int8_is_opened_first_and_what_is_not_wanted_is_left_out() -> None:
    names = ("pipeline-fp32", "nerve-openvino-fp32", "ctranslate2-int8", "nerve-openvino-int8", "spacy", "optimum-int8")
    found = [one.name for one in chosen([spec(name) for name in names])]
    assert found == ["nerve-openvino-int8", "ctranslate2-int8", "optimum-int8", "pipeline-fp32", "nerve-openvino-fp32"]


def test_systems_get_speeds_and_peaks_in_their_own_rows(tmp_path: Path) -> None:
    comparison = _comparison(tmp_path, list)
    measured = time_large(comparison)
    assert (measured.name, measured.texts) == (WORKLOAD, 3)
    for one in comparison.systems:
        assert len(one.row.throughput[0].seconds) == 2
        assert one.row.peak_bytes > 0


def test_the_page_has_a_row_for_each_system_and_what_is_in_int8(tmp_path: Path) -> None:
    result = a_result(0.5)
    for row in result.rows:
        row.throughput[0].workload = WORKLOAD
    result.workloads[0].name = WORKLOAD
    result.rows[1].throughput, result.rows[1].status, result.rows[1].reason = [], "failed", "no memory"
    result.notes.append(RANDOM)
    file = tmp_path / "shape.json"
    write_result(file, result)
    told = block(json.loads(file.read_bytes()), file)
    assert "| nerve-a | fp32 | 200.0 | 1,000 |" in told
    assert "- [1] baseline: failed: no memory" in told
    assert f"- {RANDOM}" in told
    assert "5 rounds in turns; 2026-01-01; commit abc. Written by `python -m bench large --write`" in told
    assert table(read_result(file)) == table(result)


def test_nothing_to_measure_is_one_line(command: Command) -> None:
    done = command("bench", "large")
    assert done.returncode == 2
    assert done.stderr == "python -m bench: error: command line: nothing to measure; give BUNDLE and --corpus\n"


@pytest.mark.skipif(not (ROOT / RESULT).is_file(), reason="not measured on an idle machine yet")
def test_the_block_of_the_page_is_of_its_file() -> None:
    told = json.loads((ROOT / RESULT).read_text(encoding="utf-8"))
    assert RANDOM in told["notes"]
    assert block(told, Path("..") / RESULT) in PAGE.read_text(encoding="utf-8")
