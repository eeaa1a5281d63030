"""Two results compared with each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.report.compare import main as compare
from bench.schema.result import Result, write_result
from runtime.errors import NerveError
from tests.bench.report.results import MACHINE, a_result, a_row


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
    noisy.rows[0] = a_row("nerve-a", [0.7, 1.4, 1.1, 0.9, 1.3])
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
