"""Processes of a setting run on its CPUs, and on no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.serve.cores import by_core, on_cores, shared_cores, split_cores

_USABLE = "import json, os; print(json.dumps(sorted(os.sched_getaffinity(0))))"


def _of_a_child() -> set[int]:
    return set(json.loads(subprocess.run([sys.executable, "-c", _USABLE], capture_output=True, check=True).stdout))


def test_threads_of_one_core_stay_together(tmp_path: Path) -> None:
    for number, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        place = tmp_path / f"cpu{number}" / "topology"
        place.mkdir(parents=True)
        (place / "thread_siblings_list").write_text(f"{siblings}\n")
    assert by_core([0, 1, 2, 3], tmp_path) == [{0, 2}, {1, 3}]
    assert by_core([1, 2], tmp_path) == [{1}, {2}]
    assert by_core([4, 5], tmp_path) == [{4}, {5}]


def test_all_share_all() -> None:
    assert shared_cores().server == shared_cores().client == os.sched_getaffinity(0)


def test_halves_do_not_meet_and_children_stay_in_theirs() -> None:
    before, cores = os.sched_getaffinity(0), split_cores()
    if cores is None:
        pytest.skip("one core cannot be split")
    assert cores.server | cores.client == before
    assert not cores.server & cores.client
    with on_cores(cores.client):
        assert _of_a_child() == cores.client
    assert os.sched_getaffinity(0) == before
