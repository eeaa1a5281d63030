"""A report gets its name only where nobody else's file has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.report.write import FACTS, PAGE, check_reports, reports_in
from export.tune.__main__ import main as tune
from runtime.errors import StorageError
from tests.lookup import lookup_bundle


@pytest.mark.parametrize("name", [PAGE, FACTS])
def test_somebody_elses_file_of_that_name_is_left_alone(name: str, tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})
    (bundle / name).write_text("precious")
    manifest = (bundle / "manifest.json").read_bytes()
    with pytest.raises(StorageError, match=rf"{name}: it is there and is no report .*move it elsewhere"):
        tune([str(bundle), "--threads", "1"])
    assert (bundle / name).read_text() == "precious"
    assert (bundle / "manifest.json").read_bytes() == manifest
    assert reports_in(bundle) == set()


def test_a_link_is_nobodys_report(tmp_path: Path) -> None:
    check_reports(tmp_path)
    (tmp_path / PAGE).symlink_to("nowhere")
    with pytest.raises(StorageError, match="is no report"):
        check_reports(tmp_path)
