"""What is written about results is what the files beside it say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import documents, repeats, start
from bench.gpu.engines.pages import written_into
from bench.integrations.table import block as integrations_block
from bench.reading import Cell, markdown
from bench.report.write import markdown_of
from bench.schema.result import read_result
from bench.serve.tables import full_table
from tests.conftest import ROOT

RESULTS = ROOT / "bench" / "results"
README = RESULTS / "README.md"
# What reads a result that is not of `python -m bench`, by how its name ends.
READERS: dict[str, Callable[[Any], object]] = {
    "documents": documents.table,
    "elsewhere": lambda told: told["results"],  # tests/docs/test_compare_elsewhere.py makes the tables
    "engines": lambda told: written_into(_page("gpu.md"), told),
    "integrations": lambda told: integrations_block(told, Path("x.json")),
    "reading": lambda told: _readings(told["table"]),
    "repeats": repeats.table,
    "serve": full_table,
    "start": start.table,
    "strides": lambda told: list(told["f1"]),
}
OTHERS = [file for file in sorted(RESULTS.glob("*.json")) if "schema" not in json.loads(file.read_bytes())]


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _readings(told: dict[str, Any]) -> str:
    return markdown({style: {name: Cell(**cell) for name, cell in column.items()} for style, column in told.items()})


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.name)
def test_a_result_without_the_schema_is_read_by_its_own_command(file: Path) -> None:
    assert READERS[file.stem.rpartition("-")[2]](json.loads(file.read_bytes()))


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.[jt][sx][ot]*")), ids=lambda file: file.name)
def test_every_file_of_results_is_told_of(file: Path) -> None:
    assert file.name in README.read_text(encoding="utf-8")


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


@pytest.mark.parametrize(
    ("name", "page", "block"),
    [
        ("repeats", "documents.md", repeats.block),
        ("documents", "documents.md", documents.block),
        ("start", "reliability.md", start.block),
    ],
)
def test_blocks_of_pages_are_of_their_files(name: str, page: str, block: Callable[..., str]) -> None:
    path = Path("bench", "results", f"minilm-conll2003-{name}.json")
    if not (ROOT / path).is_file():
        pytest.skip(f"{path.name} is not measured yet")
    told = json.loads((ROOT / path).read_text(encoding="utf-8"))
    assert block(told, Path("..") / path) in _page(page)


def test_table_of_readings_is_its_file() -> None:
    told = json.loads((RESULTS / "minilm-conll2003-reading.json").read_text(encoding="utf-8"))["table"]
    assert _readings(told) in _page("documents.md")
