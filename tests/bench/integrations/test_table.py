"""The tables of docs/integrations.md are what a result says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.integrations.table import MARKS, block
from bench.report.marks import with_block
from runtime.errors import StorageError
from tests.conftest import ROOT

RESULTS = sorted((ROOT / "bench" / "results").glob("*-integrations.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_page_is_of_the_published_result(path: Path) -> None:
    page = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    new = block(json.loads(path.read_text(encoding="utf-8")), Path("..") / path.relative_to(ROOT))
    assert with_block(page, new, path, MARKS) == page


def test_rows() -> None:
    row = {
        "theirs": "transformers pipeline",
        "texts_per_second": {"theirs": 100.0, "ours": 1250.4},
        "times_as_fast": 12.54,
        "entities": {"theirs": 10, "ours": 11},
    }
    job = {"name": "ray_data, 1 actor", "documents_per_second": 950.0, "share_of_plain": 0.951, "start_seconds": 6.21}
    machine = {"cpu": "A CPU", "commit": "0123456789abcdef"}
    result = {"machine": machine, "threads": 2, "checkpoint": "x", "comparisons": [row], "ray": [job]}
    text = block(result, Path("../bench/results/x.json"))
    assert "| transformers pipeline | 100 | 1,250 | 12.5 | 10 | 11 |" in text
    assert "| ray_data, 1 actor | 950 | 95% | 6.2 |" in text
    assert "commit 0123456789ab." in text


def test_a_page_without_marks_is_left_alone() -> None:
    begin, end = MARKS
    assert with_block(f"a {begin}old{end} b", "new\n", Path("x"), MARKS) == f"a {begin}\nnew\n{end} b"
    with pytest.raises(StorageError, match="the marks for the table are missing"):
        with_block("no marks", "new", Path("x.md"), MARKS)
