"""python docs/write_command_line.py: the command-line reference, docs/command-line.md, from each command's --help.

A test holds the page to the commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "docs" / "command-line.md"
# In the order in which a user meets them; each with the words that follow `python -m`.
COMMANDS = (
    "runtime.tag",
    "runtime.serve",
    "runtime.backends",
    "train",
    "train.corpus.sample",
    "export",
    "export.certify",
    "export.tune",
    "export.sign",
    "export.triton",
    "runtime.integrations.ray_data",
    "export.reading",
    "bench",
    "bench gpu-check",
    "bench.gpu.engines",
    "bench.gpu.host",
    "bench.gpu.page",
    "bench one-text",
    "bench large",
    "bench start",
    "bench compare",
    "bench readme",
    "bench serve",
    "bench strides",
    "bench documents",
    "bench reading",
    "bench repeats",
    "bench integrations",
)
_HEAD = """\
# Command-line reference

Written by `python docs/write_command_line.py` from what each command says of itself. Exit statuses of all of them:
0 done; 1 done, and the answer is no (a gate failed, a regression was found); 2 an error, in one line; 70 a bug of
Nerve's, whose traceback is in the file that the line names; 130 interrupted.

Each is run as `python -m COMMAND`, with the Python of `.venv/bin`.
"""


def page() -> str:
    """The whole page: what each command is for, and all of their options."""
    helps = {command: help_of(command) for command in COMMANDS}
    table = ["| command | what it does |", "|---|---|", *(_row(command, said) for command, said in helps.items()), ""]
    parts = [f"## python -m {command}\n\n```\n{said}```\n" for command, said in helps.items()]
    return "\n".join([_HEAD, *table, *parts])


def _row(command: str, said: str) -> str:
    """Link to the command, and its description: what stands after the usage."""
    anchor = f"python--m-{command}".replace(".", "").replace(" ", "-")
    description = " ".join(said.split("\n\n")[1].split())
    return f"| [`{command}`](#{anchor}) | {description} |"


def help_of(command: str) -> str:
    """What the command prints with --help, on a terminal of 100 columns."""
    # The width and the colors of the help depend on the terminal, and neither belongs into a page.
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    line = [sys.executable, "-m", *command.split(), "--help"]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    OUTPUT.write_text(page(), encoding="utf-8")
