"""A few of the kills; and that a loss would be seen."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.fuzz.kills import Subject, kill


@pytest.mark.parametrize(
    "subject", ["tag", *(pytest.param(n, marks=pytest.mark.slow) for n in ("tune", "certify", "export"))]
)
def test_nothing_is_lost_by_kills_and_a_further_run_ends_as_if_there_had_been_none(
    subject: str, command: Command
) -> None:
    # A process of its own: this one may have threads, and must not fork.
    ran = command("tests.fuzz.kills", "--kills", 10, "--subject", subject)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    row = next(line for line in ran.stdout.splitlines() if line.startswith(f"| {subject} |"))
    _, kills, in_time, lost, further, wrong = [each.strip() for each in row.strip("|").split("|")]
    assert (kills, lost, further, wrong) == ("10", "0", "2", "0")
    assert int(in_time) >= 3


def test_what_is_lost_is_counted(tmp_path: Path) -> None:
    untouched, file = tmp_path / "untouched", tmp_path / "file"
    untouched.mkdir()

    def rewrite(again: bool) -> None:
        """Without a temporary file: a kill between the two leaves nothing."""
        file.unlink(missing_ok=True)
        for _ in range(50):
            (untouched / "precious").touch()
            (untouched / "precious").unlink()
        file.write_text("whole")

    def whole() -> None:
        assert file.read_text() == "whole"

    found = kill(Subject("rewrite", rewrite, whole, whole), 20, random.Random(1), untouched)
    assert found.kills == 20
    assert found.lost >= 5
    assert (found.ended, found.failed) == (4, 0)
