"""The JSON of a result: it comes back as it was, and what it says is what SCHEMA.md describes."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from bench.schema.result import Measured, Result, Row, read_result, write_result
from runtime.errors import BundleError
from tests.bench.report.results import a_result
from tests.conftest import ROOT


def test_a_result_comes_back_from_its_json(tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", a_result())
    assert asdict(read_result(tmp_path / "a.json")) == asdict(a_result())


# The file says which schema it is of; those without one are other commands' (tests/bench/test_results.py reads them).
RESULTS = [
    file for file in sorted((ROOT / "bench" / "results").glob("*.json")) if "schema" in json.loads(file.read_bytes())
]


def test_there_are_published_results() -> None:
    assert "minilm-conll2003.json" in {file.name for file in RESULTS}


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.name)
def test_published_results_can_be_read(file: Path) -> None:
    assert any(row.group == "nerve" and row.throughput for row in read_result(file).rows)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not a benchmark's result"),
        ('{"schema": 99}', "schema 99, this version of Nerve reads schema 2"),
        ('{"schema": 2}', "not a benchmark's result"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BundleError, match=problem):
        read_result(tmp_path / "a.json")


def test_an_older_result_without_checks_can_be_read(tmp_path: Path) -> None:
    value = asdict(a_result())
    del value["checks"]
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert read_result(tmp_path / "a.json").checks == []


def test_the_page_about_the_schema_names_every_key() -> None:
    page = (ROOT / "bench" / "schema" / "SCHEMA.md").read_text(encoding="utf-8")
    for kind in (Result, Measured, Row):
        for one in fields(kind):
            assert f"`{one.name}`" in page
