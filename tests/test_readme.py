"""The README's commands do what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def project(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A folder in which the README's paths exist: build/bundle, and .venv/bin/python."""
    shutil.copytree(tiny_bundle, tmp_path / "build" / "bundle")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def shell(line: str, project: Path) -> str:
    """What a command of the README prints."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    # The link to an interpreter is not a virtual environment; the interpreter's own libraries are what it would have.
    line = line.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(line, shell=True, cwd=project, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_tagging_commands_print_entities(project: Path) -> None:
    commands = [line for line in re.findall(r"^    (.*runtime\.tag.*)$", README, re.MULTILINE) if "Merkel" in line]
    assert len(commands) == 2
    for command in commands:
        printed = shell(command, project)
        assert "Merkel" in printed
        assert set(json.loads(printed)) == {"text", "entities"}


def test_python_example_runs(project: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (project / "example.py").write_text(code)
    assert "Merkel" in shell(".venv/bin/python example.py", project)


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets
    assert {"setup", "check", "test", "train", "export", "tag", "bench"} <= targets


def test_folders_of_the_readme_exist() -> None:
    for folder in re.findall(r"^    (\w+)/ ", README, re.MULTILINE):
        assert (ROOT / folder).is_dir()


def test_the_gpu_figures_are_those_of_the_page_that_a_check_writes() -> None:
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    goals = dict(re.findall(r"^\| ([^|]+) \| [^|]+ \| ([\d.,]+)[^|]* \| (?:not )?met \|$", page, re.MULTILINE))
    speed, single = goals["bert-large: sentences a second"], goals["bert-large: one sentence, p50 ms"]
    share = float(goals["bert-large: share of the measured matrix rate"])
    times = float(goals["bert-large: times the pipeline in fp16 at its best batch"])
    prose = " ".join(README.split())
    assert f"bert-large's shape tags {speed} sentences/s, {times:.0f} times the Hugging Face pipeline" in prose
    assert f"One sentence takes {single} ms (p50)" in prose
    assert f"{speed} sentences/s are {share:.0f}% of the GPU's matrix rate" in prose


@pytest.mark.slow
def test_make_export_without_a_model_trains_exports_certifies_and_tags(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    done = subprocess.run(["make", "export"], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    said = "[Angela Merkel PER] met [Emmanuel Macron PER] in [Paris LOC], the [United Nations ORG] said on Monday."
    assert said in lines
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 120
    assert json.loads(lines[-1])["bundle"] == "build/bundle"
