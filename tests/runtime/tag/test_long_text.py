"""One line of dense entities through the real command and a real backend: exact to the end, in bounded memory.

    pytest -m slow -s tests/runtime/tag/test_long_text.py                     20 MB
    NERVE_LONG_MB=200 pytest -m slow -s tests/runtime/tag/test_long_text.py   200 MB

It prints the peak of the memory. The checkpoint is the tests' tiny one, which finds an entity in most words.
"""

from __future__ import annotations

import itertools
import json
import mmap
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.tagger import Tagger
from tests.conftest import ROOT
from tests.tiny import TEXT

pytestmark = pytest.mark.slow
MEGABYTES = int(os.environ.get("NERVE_LONG_MB", "20"))
# Each sentence once, as Nerve cuts them; no blank line and no line break between them.
UNIT = " ".join(line.removesuffix(" .") + ". " for line in TEXT)
# A process's peak (getrusage(2)) holds that of the one it was forked from, so a small one comes between.
_WEIGH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
_ENTITY = re.compile(rb'\{"label": "[^{}]*\}')


def _tag(bundle: Path, text: Path, output: Path) -> int:
    """Run the command on a file of one line, and return the peak of its memory in bytes."""
    files: list[str | Path] = ["-i", text, "-o", output, "--format", "lines"]
    command: list[str | Path] = [sys.executable, "-m", "runtime.tag", "--bundle", bundle, "--reproducible", *files]
    done = subprocess.run([sys.executable, "-c", _WEIGH, *command], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) * 1024


def _found(line: mmap.mmap) -> Iterator[tuple[str, str, int, int]]:
    """The entities of a line of JSONL, one at a time; parsed whole, it would take gigabytes."""
    for match in _ENTITY.finditer(line):
        each = json.loads(match[0])
        yield each["label"], each["text"], each["start"], each["end"]


def test_a_long_line_of_dense_entities_is_exact_and_takes_bounded_memory(tiny_bundle: Path, tmp_path: Path) -> None:
    with Tagger.open(tiny_bundle, reproducible=True) as tagger:
        (known,) = tagger.tag([UNIT])
    assert len(known) > UNIT.count(" ") / 2
    copies = MEGABYTES * 1_000_000 // len(UNIT)
    text = tmp_path / "text"
    with text.open("w") as file:
        file.writelines(UNIT for _ in range(copies))
    began = time.monotonic()
    peak = _tag(tiny_bundle, text, tmp_path / "out")
    print(
        f"{text.stat().st_size / 1e6:.0f} MB in one line, {copies * len(known):,} entities: "
        f"{time.monotonic() - began:.0f} s, peak {peak / 1e6:.0f} MB"
    )
    with (tmp_path / "out").open("rb") as out, mmap.mmap(out.fileno(), 0, access=mmap.ACCESS_READ) as line:
        found = _found(line)
        for copy in range(copies):
            shift = copy * len(UNIT)
            expected = [(each.label, each.text, each.start + shift, each.end + shift) for each in known]
            assert list(itertools.islice(found, len(known))) == expected
        assert next(found, None) is None
    # What a process with a backend takes, and the line itself a few times; of its entities, nothing.
    assert peak < 200_000_000 + 4 * text.stat().st_size
