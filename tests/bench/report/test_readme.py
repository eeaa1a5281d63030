"""What README and docs say is what their result says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from bench.report.marks import with_block
from bench.report.pictures import can_draw
from bench.report.readme import BEGIN, END, MARKS, docs_block, main, pictures_not_of, readme_block
from bench.schema.result import read_result, write_result
from runtime.errors import NerveError
from tests.bench.report.results import a_result
from tests.bench.serve.test_tables import result as servers_result
from tests.conftest import ROOT

needs_matplotlib = pytest.mark.skipif(not can_draw(), reason="matplotlib is not installed")


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """A result and the files that are written from it, as arguments."""
    write_result(tmp_path / "a.json", a_result())
    for name in ("README.md", "benchmarks.md"):
        (tmp_path / name).write_text(f"# Title\n{BEGIN}\nold\n{END}\nrest\n", encoding="utf-8")
    readme, docs = str(tmp_path / "README.md"), str(tmp_path / "benchmarks.md")
    return [str(tmp_path / "a.json"), "--readme", readme, "--docs", docs, "--images", str(tmp_path / "images")]


@needs_matplotlib
def test_texts_and_pictures_are_written_from_a_result_and_checked(given: list[str], tmp_path: Path) -> None:
    assert main([*given, "--check"]) == 1
    assert main(given) == 0
    assert main([*given, "--check"]) == 0
    for name, row in (("README.md", "| **Nerve**, OpenVINO | fp32 | 100 |"), ("benchmarks.md", "| nerve-a | fp32 |")):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith("# Title\n")
        assert text.endswith(f"{END}\nrest\n")
        assert row in text
        (tmp_path / name).write_text(text.replace("100", "999"), encoding="utf-8")
        assert main([*given, "--check"]) == 1
        assert main(given) == 0


@needs_matplotlib
def test_a_result_of_the_servers_beside_it_is_written_too(given: list[str], tmp_path: Path) -> None:
    (tmp_path / "serve.md").write_text(f"# Serve\n{BEGIN}\n{END}\nrest\n", encoding="utf-8")
    given += ["--serve", str(tmp_path / "serve.md")]
    assert main(given) == 0
    assert (tmp_path / "serve.md").read_text() == f"# Serve\n{BEGIN}\n{END}\nrest\n"
    machine = {"cpu": "a CPU", "commit": "0123456789abcdef"}
    beside = servers_result(what="servers", quick=False, machine=machine)
    (tmp_path / "a-serve.json").write_text(json.dumps(beside), encoding="utf-8")
    assert main([*given, "--check"]) == 1
    assert main(given) == 0
    assert "| nerve | 4 connections | 1,500 |" in (tmp_path / "serve.md").read_text()
    assert "a CPU, 2 threads; commit 0123456789ab." in (tmp_path / "serve.md").read_text()
    readme = (tmp_path / "README.md").read_text()
    assert "| **Nerve** | 1,500 | 4 | 3.00 | 12 | 0.9040 |" in readme
    assert "a quick run" not in readme
    (tmp_path / "a-serve.json").write_text(json.dumps(beside | {"quick": True}), encoding="utf-8")
    assert main(given) == 0
    assert "one sentence a request (a quick run):" in (tmp_path / "README.md").read_text()
    (tmp_path / "a-serve.json").write_text("[]", encoding="utf-8")
    with pytest.raises(NerveError, match="not a result of python -m bench serve"):
        main(given)


@needs_matplotlib
def test_pictures_of_another_result_are_found(given: list[str], tmp_path: Path) -> None:
    assert main(given) == 0
    assert pictures_not_of(tmp_path / "a.json", tmp_path / "images") == []
    write_result(tmp_path / "a.json", a_result(2.0))
    assert len(pictures_not_of(tmp_path / "a.json", tmp_path / "images")) == 4
    shutil.rmtree(tmp_path / "images")
    assert len(pictures_not_of(tmp_path / "a.json", tmp_path / "images")) == 4


def test_a_readme_without_marks_is_an_error(given: list[str], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Title\n", encoding="utf-8")
    with pytest.raises(NerveError, match="the marks for the table are missing"):
        main(given)


@pytest.mark.parametrize(("name", "block"), [("README.md", readme_block), ("docs/benchmarks.md", docs_block)])
def test_the_projects_texts_say_what_their_result_says(name: str, block: object) -> None:
    assert callable(block)
    file = ROOT / name
    text = file.read_text(encoding="utf-8")
    link = re.search(rf"{BEGIN}.*\((?:\.\./)?(bench/results/[^)]+\.json)\).*?{END}", text, re.DOTALL)
    assert link, f"{name} has no table from a result"
    path = Path(link[1])
    assert with_block(text, block(read_result(ROOT / path), path), file, MARKS) == text
    assert pictures_not_of(ROOT / path, ROOT / "docs" / "images") == []
