"""A few hundred of the cases that `make fuzz` runs by the thousand."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.bundles import run


def test_no_changed_bundle_answers_wrongly_or_ends_in_anything_but_one_line(tmp_path: Path) -> None:
    outcomes = run(400, 1, tmp_path)
    assert outcomes["finding"] == 0
    assert outcomes["refused"] > 300
    assert outcomes["harmless"] > 0
