"""What a person and a program see of python -m export, in a process of its own: on a pipe, and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command
from tests.export.test_pipeline import arguments

TEXT = "Maria Keller flew from Lisbon to Oslo ."
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(line: list[str], **environment: str) -> tuple[int, str]:
    """Exit status and output of a command whose standard output and error are a terminal of 120 columns."""
    leader, follower = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environment}
    process = subprocess.Popen(line, cwd=ROOT, stdout=follower, stderr=follower, env=env)
    os.close(follower)
    read = bytearray()
    while True:
        try:
            block = os.read(leader, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        read += block
    os.close(leader)
    return process.wait(), read.decode()


def next_command(lines: list[str]) -> str:
    """What stands last, behind "next:"; a bundle with a long path makes it two lines."""
    (first,) = (number for number, line in enumerate(lines) if line.startswith("next: "))
    assert first >= len(lines) - 2
    return " ".join(line.strip() for line in lines[first:]).removeprefix("next: ")


def test_a_pipe_gets_plain_lines_and_last_a_line_for_programs(
    tiny_model: Path, tiny_corpus: Path, tmp_path: Path, command: Command
) -> None:
    done = command("export", *arguments(tiny_model, tmp_path / "bundle", tiny_corpus), "--text", TEXT)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    assert "\x1b" not in done.stdout
    assert len(lines) < 30
    assert max(map(len, lines)) <= 120
    assert [line.split()[0] for line in lines[:3]] == ["libraries", "tokenizer", "load"]
    assert [line for line in lines if "Keller" in line]
    assert next_command(lines).startswith("python -m runtime.tag")
    assert "FAILED" not in done.stdout
    assert Path(json.loads(last)["report"]).is_file()


@pytest.mark.parametrize("colors", [True, False])
def test_a_terminal_gets_colors_unless_it_wants_none(
    colors: bool, tiny_model: Path, tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    line = [sys.executable, "-m", "export", *arguments(tiny_model, bundle, tiny_corpus), "--text", TEXT]
    status, shown = on_a_terminal(line, **({} if colors else {"NO_COLOR": "1"}))
    assert status == 0
    assert ("\x1b[1;" in shown) is colors
    plain = _ESCAPES.sub("", shown)
    assert "is up to date" in plain
    # A person reads the next command last, and no JSON.
    assert next_command(plain.splitlines()).startswith("python -m runtime.tag")
    # A line with a path stays one, so that it can be copied; the terminal folds it.
    paths = str(tmp_path.parent)
    assert [line for line in plain.splitlines() if paths not in line and len(line) > 120] == []
