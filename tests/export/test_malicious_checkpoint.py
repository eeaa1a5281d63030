"""A checkpoint is data: whatever it asks for, none of its code runs, and nobody is asked whether it may."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = """
import pathlib
pathlib.Path({witness!r}).write_text("it ran")
from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast
class EvilConfig(BertConfig):
    model_type = "evil"
class EvilModel(BertForTokenClassification):
    config_class = EvilConfig
class EvilTokenizer(BertTokenizerFast):
    pass
"""


def malicious(model: Path, folder: Path, witness: Path, *, parts: set[str]) -> Path:
    """A checkpoint that brings its own Python for some of its parts."""
    shutil.copytree(model, folder)
    (folder / "evil.py").write_text(CODE.format(witness=str(witness)))
    if "model" in parts:
        config = json.loads((folder / "config.json").read_text())
        own = {"AutoConfig": "evil.EvilConfig", "AutoModelForTokenClassification": "evil.EvilModel"}
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "evil", "auto_map": own}))
    if "tokenizer" in parts:
        told = json.loads((folder / "tokenizer_config.json").read_text())
        told["tokenizer_class"], told["auto_map"] = "EvilTokenizer", {"AutoTokenizer": [None, "evil.EvilTokenizer"]}
        (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return folder


@pytest.mark.parametrize("parts", [{"model"}, {"tokenizer"}])
def test_export_runs_no_code_of_a_checkpoint(
    tiny_model: Path, tiny_corpus: Path, tmp_path: Path, parts: set[str]
) -> None:
    folder = malicious(tiny_model, tmp_path / "model", tmp_path / "witness", parts=parts)
    given = ["--model", folder, "--corpus", tiny_corpus, "--output", tmp_path / "bundle"]
    done = subprocess.run(
        [sys.executable, "-m", "export", *map(str, given)],
        cwd=ROOT,
        input="y\ny\ny\n",
        capture_output=True,
        text=True,
        env={**os.environ, "HF_MODULES_CACHE": str(tmp_path / "modules")},
        check=False,
    )
    assert not (tmp_path / "witness").exists()
    if done.returncode:  # a tokenizer is the same without its code, if transformers takes it as one
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "transformers cannot load" in done.stderr
        assert not (tmp_path / "bundle").exists()
    assert parts != {"model"} or done.returncode == 2
