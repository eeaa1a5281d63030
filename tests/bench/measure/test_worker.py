"""The worker process as its parent sees it: pickles in, pickles out."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

from bench.measure.process import environment
from tests.bench import fakes
from tests.conftest import ROOT
from tests.waiting import PATIENCE


def test_it_answers_until_its_input_ends() -> None:
    jobs = [(fakes.chatty, ()), (fakes.open_refusing, ())]
    given = b"".join(pickle.dumps(job) for job in jobs)
    command = [sys.executable, "-m", "bench.measure.worker", "1"]
    env = os.environ | environment(1) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input=given, capture_output=True, cwd=ROOT, env=env, timeout=PATIENCE, check=True)
    first = pickle.loads(done.stdout)
    second = pickle.loads(done.stdout[len(pickle.dumps(first)) :])
    assert first == (True, "answer")
    assert second == (False, "ValueError: cannot read model.bin")
    assert b"a library talks" in done.stderr


def test_a_process_may_use_no_network_and_so_many_threads() -> None:
    given = environment(3)
    assert given["HF_HUB_OFFLINE"] == given["TRANSFORMERS_OFFLINE"] == "1"
    assert given["OMP_NUM_THREADS"] == "3"
