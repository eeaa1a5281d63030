"""A backend is closed once, while nobody is in it; what comes after is refused, and not waited for."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.errors import UsageError
from runtime.guarded_backend import GuardedBackend
from tests.conftest import ROOT
from tests.runtime.tag.stand_in import open_stand_in
from tests.waiting import PATIENCE, wait_until

_BATCH = Batch(*(np.zeros((1, 3), np.int64) for _ in range(3)))


class _Slow:
    """A rule that waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        self.begun.set()
        assert self.go.wait(PATIENCE)
        return ids


def test_closing_waits_for_what_is_being_run_and_later_calls_are_refused() -> None:
    slow = _Slow()
    inner = Fake(2, slow)
    backend = GuardedBackend(inner)
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(backend.logits, _BATCH)
        assert slow.begun.wait(PATIENCE)
        closing = pool.submit(backend.close)
        wait_until(lambda: backend._closed)
        with pytest.raises(UsageError, match="tagger: it is closed; open another one"):
            backend.logits(_BATCH)
        assert not inner.closed
        slow.go.set()
        assert running.result(PATIENCE).shape == (1, 3, 2)
        closing.result(PATIENCE)
    assert inner.closed


def test_a_second_close_does_nothing(tmp_path: Path) -> None:
    with open_stand_in(tmp_path) as tagger:
        tagger.close()
        tagger.close()
    for use in (
        lambda: tagger.tag(["Oslo"]),
        lambda: tagger.tag(["Oslo", "Lund"]),
        lambda: list(tagger.stream(["Oslo"])),
        lambda: list(tagger.entities("Oslo")),
        lambda: tagger.tag_words([["Oslo"]]),
        lambda: tagger.word_logits([["Oslo"]]),
    ):
        with pytest.raises(UsageError, match="it is closed"):
            use()


_FORKED = """
import os, sys
from runtime import Tagger
from runtime.errors import UsageError

tagger = Tagger.open(sys.argv[1], threads=2)
texts = ["Maria Keller flew to Oslo ."] * 600
before = tagger.tag(texts)
child = os.fork()
if not child:
    try:
        tagger.tag(texts)
    except UsageError as error:
        print(error, flush=True)
    tagger.close()
    # A tagger of its own works in the child.
    with Tagger.open(sys.argv[1], threads=2) as own:
        os._exit(own.tag(texts) != before)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or tagger.tag(texts) != before)
"""


def test_a_forked_process_is_told_and_does_not_hang(tiny_bundle: Path) -> None:
    line = [sys.executable, "-c", _FORKED, str(tiny_bundle)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tagger: it was opened before this process was forked")
    assert done.stdout.count("\n") == 1
