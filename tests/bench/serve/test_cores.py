"""Processes of a setting run on its CPUs, and on no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bench.serve.cores import on_cores, shared_cores, split_cores

_USABLE = "import json, os; print(json.dumps(sorted(os.sched_getaffinity(0))))"


def _of_a_child() -> set[int]:
    return set(json.loads(subprocess.run([sys.executable, "-c", _USABLE], capture_output=True, check=True).stdout))


def test_all_share_all() -> None:
    assert shared_cores().server == shared_cores().client == os.sched_getaffinity(0)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU cannot be split")
def test_halves_do_not_meet_and_children_stay_in_theirs() -> None:
    before, cores = os.sched_getaffinity(0), split_cores()
    assert cores is not None
    assert cores.server | cores.client == before
    assert not cores.server & cores.client
    with on_cores(cores.client):
        assert _of_a_child() == cores.client
    assert os.sched_getaffinity(0) == before
