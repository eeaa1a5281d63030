"""A run that was cut short goes on with what it has measured, and never with what another run did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.serve.parts import Parts
from runtime.errors import UsageError


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(UsageError, match="not a folder of an earlier run's parts"):
        Parts(tmp_path, {"seconds": 6}, resume=False)
    assert (tmp_path / "mine.txt").read_text() == "kept"


def _never() -> dict[str, Any]:
    raise AssertionError("this part was measured before")


def test_parts_of_the_same_plan_are_taken(tmp_path: Path) -> None:
    Parts(tmp_path, {"seconds": 6}, resume=False).take("0-shared-nerve", lambda: {"rate": 1.5})
    assert Parts(tmp_path, {"seconds": 6}, resume=True).take("0-shared-nerve", _never) == {"rate": 1.5}


def test_parts_of_another_plan_or_of_a_fresh_run_are_measured_anew(tmp_path: Path) -> None:
    for plan, resume in (({"seconds": 20}, True), ({"seconds": 6}, False)):
        Parts(tmp_path, {"seconds": 6}, resume=False).take("tagger", lambda: {"rate": 1})
        assert Parts(tmp_path, plan, resume=resume).take("tagger", lambda: {"rate": 2}) == {"rate": 2}
