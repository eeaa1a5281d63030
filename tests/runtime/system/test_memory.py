"""The peak of a process's memory counts also what was given back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HELD = 50_000_000
PROGRAM = f"""
from runtime.system.memory import peak_bytes
before, held = peak_bytes(), b"x" * {HELD}
del held
print(before, peak_bytes())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it")
def test_what_was_held_counts_also_when_it_is_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, check=True).stdout
    before, after = map(int, told.split())
    assert 1_000_000 < before < HELD
    assert after > before + 0.9 * HELD
