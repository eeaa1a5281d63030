"""What is written about results is what the files beside it say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.documents import block as documents_block
from bench.reading import Cell, markdown
from bench.repeats import block as repeats_block
from bench.report.write import markdown_of
from bench.schema.result import read_result
from tests.conftest import ROOT

RESULTS = ROOT / "bench" / "results"


def test_table_of_strides_is_its_file() -> None:
    told = json.loads((RESULTS / "minilm-conll2003-strides.json").read_text(encoding="utf-8"))["f1"]
    rows = [f"| {stride} | " + " | ".join(f"{f1:.4f}" for f1 in row.values()) + " |" for stride, row in told.items()]
    assert "\n".join(rows) in (RESULTS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["minilm-conll2003", "minilm-conll2003-avx2-quick", "gpu-check-h100", "gpu-check-h100-first"]
)
def test_the_markdown_report_is_that_of_its_json(name: str) -> None:
    told = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    assert told == markdown_of(read_result(RESULTS / f"{name}.json"))


@pytest.mark.parametrize(("name", "block"), [("repeats", repeats_block), ("documents", documents_block)])
def test_blocks_of_the_page_on_documents_are_of_their_files(name: str, block: Callable[..., str]) -> None:
    path = Path("bench", "results", f"minilm-conll2003-{name}.json")
    if not (ROOT / path).is_file():
        pytest.skip(f"{path.name} is not measured yet")
    told = json.loads((ROOT / path).read_text(encoding="utf-8"))
    assert block(told, Path("..") / path) in (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")


def test_table_of_readings_is_its_file() -> None:
    told = json.loads((RESULTS / "minilm-conll2003-reading.json").read_text(encoding="utf-8"))["table"]
    table = {style: {name: Cell(**cell) for name, cell in column.items()} for style, column in told.items()}
    assert markdown(table) in (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
