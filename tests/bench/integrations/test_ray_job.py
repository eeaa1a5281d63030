"""Two sizes of a job tell what Ray costs once from what it costs a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.integrations.ray_job import PLAIN, Size, ray_overhead, run_command
from runtime.errors import BackendError


def test_starting_and_working_are_told_apart(tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def run(command: Sequence[str]) -> float:
        commands.append(list(command))
        shards = [Path(each) for each in command if each.endswith(".txt")]
        assert all(shard.read_text().count("\n") == 100 for shard in shards)
        # The plain command starts in 1 s and does 100 documents a second, Ray's in 11 s and 80.
        ray = "runtime.integrations.ray_data" in command
        return (11.0 if ray else 1.0) + len(shards) * 100 / (80 if ray else 100)

    rows = ray_overhead(tmp_path, ["a b", "c d"], tmp_path, Size(documents=100, shards=3, rounds=2, threads=2), run)
    assert [row["name"] for row in rows] == [PLAIN, "ray_data, 1 actor", "ray_data, 2 actors, start included"]
    assert [row["documents_per_second"] for row in rows] == pytest.approx([100, 80, 300 / (11 + 300 / 80)])
    assert [row["start_seconds"] for row in rows] == pytest.approx([1, 11, 0])
    assert [row["share_of_plain"] for row in rows] == pytest.approx([1, 0.8, 3 / (11 + 300 / 80)])
    assert len(commands) == 2 * 3 * 2
    threads = {command[command.index("--actors") + 1]: command[-1] for command in commands if "--actors" in command}
    assert threads == {"1": "2", "2": "1"}, "actors share the CPUs that the plain command has"


def test_a_failed_job_is_no_figure() -> None:
    with pytest.raises(BackendError, match="status 3: broken"):
        run_command(["python3", "-c", "import sys; sys.exit(print('broken', file=sys.stderr) or 3)"])
