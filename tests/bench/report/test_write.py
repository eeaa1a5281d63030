"""Reports on disk: three files, and a folder that cannot be made is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report.write import NAMES, make_folder, markdown_of, write_reports
from bench.schema.result import Check, read_result
from runtime.errors import NerveError
from tests.bench.report.results import a_result


def test_three_files_lie_beside_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_reports(a_result(), tmp_path / "new" / "folder")
    assert {file.name for file in path.parent.iterdir()} == set(NAMES)
    assert read_result(path).rows[0].name == "nerve-a"
    assert "nerve-a" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NerveError):
        make_folder(tmp_path / "file" / "folder")


def test_steps_of_a_gpu_check_come_first_and_say_what_they_found() -> None:
    result = a_result()
    result.checks = [Check("certify", "failed", ["one candidate changed a label"], 3.21)]
    text = markdown_of(result)
    assert "| certify [1] | failed | 3.2 |" in text
    assert "- [1] certify: one candidate changed a label" in text
    assert text.index("## Steps") < text.index("## sentences")
