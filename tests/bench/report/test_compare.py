"""Two results held against each other, and the README held against one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.report.compare import main as compare
from bench.report.readme import BEGIN, END
from bench.report.readme import main as readme
from bench.schema.result import Accuracy, Latency, Measured, Result, Row, Throughput, read_result, write_result
from runtime.errors import NerveError
from tests.conftest import ROOT

MACHINE = {
    **{"cpu": "A Processor", "flags": ["avx2"], "cores": 2, "cores_usable": 2, "memory_bytes": 2**33},
    **{"governor": "unknown", "virtual": False, "gpu": [], "load_average": [0.1], "load_average_after": [0.2]},
    **{"python": "3.11", "versions": {}, "commit": "abc", "commit_changed": False},
}


def _row(name: str, seconds: list[float]) -> Row:
    found = Throughput("sentences", [1, 1, 1], [], 1, seconds, 100 / sorted(seconds)[len(seconds) // 2], 1000.0)
    milliseconds = [[10 * one] * 3 for one in seconds]
    row = Row(name, name, "nerve" if name.startswith("nerve") else "baseline", "fp32")
    row.throughput = [found]
    row.latency = [Latency("sentence", milliseconds, 10.0, 11.0, 12.0)]
    row.accuracy = [Accuracy("sentences", 0.9, 0.9, 0.9, 0.0, 0.0, 0.0)]
    return row


def a_result(factor: float = 1.0) -> Result:
    seconds = [1.0, 1.01, 0.99, 1.005, 0.995]
    rows = [_row("nerve-a", [factor * one for one in seconds]), _row("baseline", seconds)]
    measured = Measured("sentences", "ef" * 32, 1, 100, 1000, 2000, 1e6, "baseline", "nerve-a")
    gpu = {"name": "fake", "sha256": "cd" * 32, "architecture": "bert"}
    return Result(
        "2026-01-01T00:00:00+00:00",
        60.0,
        False,
        2,
        [],
        MACHINE,
        {"manifest_sha256": "ab" * 32},
        gpu,
        [measured],
        rows,
        [],
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Result], str]:
    def to_file(name: str, result: Result) -> str:
        write_result(tmp_path / name, result)
        return str(tmp_path / name)

    return to_file


Write = Callable[[str, Result], str]


def test_the_same_result_shows_no_difference(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare([write("a", a_result()), write("b", a_result()), "--fail-above", "5%"]) == 0
    said = capsys.readouterr().out
    assert said.count("no difference shown") == 4
    assert "faster" not in said
    assert "slower" not in said


def test_a_regression_beyond_noise_ends_in_one(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = write("a", a_result()), write("b", a_result(1.2))
    assert compare([old, new]) == 0  # it is told, but nobody asked for a verdict
    assert compare([old, new, "--fail-above", "5%"]) == 1
    assert "REGRESSION: nerve-a, throughput, sentences: 16.7% slower" in capsys.readouterr().out
    assert compare([old, new, "--fail-above", "20"]) == 0
    assert compare([new, old, "--fail-above", "5%"]) == 0
    assert "1.200 [1.1" in capsys.readouterr().out


def test_a_loss_within_noise_is_none(write: Write) -> None:
    noisy = a_result()
    noisy.rows[0] = _row("nerve-a", [0.7, 1.4, 1.1, 0.9, 1.3])
    assert compare([write("a", a_result()), write("b", noisy), "--fail-above", "5%"]) == 0


def test_other_machines_answers_and_rows_are_said(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    new = replace(a_result(), machine={**MACHINE, "cpu": "Another"})
    new.rows[0].accuracy[0].f1 = 0.8
    new.rows[1].name = "newcomer"
    assert compare([write("a", a_result()), write("b", new)]) == 0
    said = capsys.readouterr().out
    assert "note: the two ran on different machines (cpu)" in said
    assert "nerve-a, sentences: F1 0.9000, changed 0.0 then, F1 0.8000, changed 0.0 now" in said
    assert "newcomer: absent then, measured now" in said
    assert "baseline: measured then, absent now" in said


def test_other_texts_are_not_compared(write: Write) -> None:
    new = a_result(2.0)
    new.workloads[0].sha256 = "00" * 32
    new.rows[0].latency = new.rows[1].latency = []
    with pytest.raises(NerveError, match="shares no measured figure"):
        compare([write("a", a_result()), write("b", new)])


def test_a_percentage_that_is_none_is_refused(write: Write) -> None:
    with pytest.raises(NerveError, match="give a percentage such as 5%"):
        compare([write("a", a_result()), write("b", a_result()), "--fail-above", "five"])


def test_the_readme_is_written_from_a_result_and_checked(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"# Title\n{BEGIN}\nold\n{END}\nrest\n", encoding="utf-8")
    given = [write("a.json", a_result()), "--readme", str(file)]
    assert readme([*given, "--check"]) == 1
    assert readme(given) == 0
    assert readme([*given, "--check"]) == 0
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# Title\n")
    assert text.endswith(f"{END}\nrest\n")
    assert "| nerve-a | fp32 | 100.0 |" in text
    file.write_text(text.replace("100.0", "999.0"), encoding="utf-8")
    assert readme([*given, "--check"]) == 1


def test_a_readme_without_marks_is_an_error(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(NerveError, match="the marks for the table are missing"):
        readme([write("a.json", a_result()), "--readme", str(file)])


def test_the_projects_readme_says_what_its_result_says() -> None:
    file = ROOT / "README.md"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    link = re.search(rf"{BEGIN}.*?\((bench/results/[^)]+\.json)\).*?{END}", text, re.DOTALL)
    if not link:
        pytest.skip("the README has no table from a result yet")
    from bench.report.readme import block_of, with_block

    assert with_block(text, block_of(read_result(ROOT / link[1]), Path(link[1])), file) == text
