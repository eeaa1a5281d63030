"""The peak of a process's memory only grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.system.memory import peak_bytes


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it")
def test_what_was_held_counts_also_when_it_is_given_back() -> None:
    before = peak_bytes()
    held = b"x" * (before + 1)
    assert peak_bytes() > len(held)
    after = peak_bytes()
    del held
    assert peak_bytes() >= after
