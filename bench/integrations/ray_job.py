"""A job of Ray's actors beside the plain command line on the same shards, as processes. What Ray costs, in two figures.

Ray starts once a job, and then works: a job of one shard and a job of several tell the two apart.

    documents a second = documents of the shards but one / (seconds of all shards - seconds of one)
    seconds to start   = seconds of one shard - its documents / documents a second

One shard does not keep several actors busy, so that the two jobs do not compare: for them it is all documents by all
seconds, Ray's start included.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import BackendError

PLAIN = "python -m runtime.tag"
Run = Callable[[Sequence[str]], float]
"""A command in, the seconds that it took out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What is tagged.

    Attributes:
        documents: of a shard, a sentence each.
        shards: of the longer job; the shorter has one.
        rounds: of all jobs in turn.
        threads: CPUs in all, shared out among the actors.
    """

    documents: int
    shards: int
    rounds: int
    threads: int


def run_command(command: Sequence[str]) -> float:
    """Run a command to its end; returns seconds.

    Raises:
        BackendError: it failed.
    """
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise BackendError(" ".join(command[:3]), f"status {done.returncode}: {last}", "run it by hand")
    return time.perf_counter() - begun


def ray_overhead(bundle: Path, sentences: Sequence[str], folder: Path, size: Size, run: Run = run_command) -> list[Any]:
    """A row for the plain command line and for one and two actors: medians of the rounds.

    Args:
        bundle: the bundle's folder.
        sentences: repeated until a shard is full.
        folder: an empty one; shards and outputs go there.
        size: see Size.
        run: takes the time of a command.
    """
    shards = _shards(sentences, folder, size)
    systems = {PLAIN: 0, "ray_data, 1 actor": 1, "ray_data, 2 actors, start included": 2}
    seconds: dict[str, list[Mapping[int, float]]] = {name: [] for name in systems}
    for _ in range(size.rounds):
        for name, actors in systems.items():
            seconds[name].append(
                {
                    many: run(_command(bundle, shards[:many], _fresh(folder / "out"), actors, size.threads))
                    for many in (1, size.shards)
                }
            )
    rows = [row_of(name, rounds, size, actors=systems[name]) for name, rounds in seconds.items()]
    plain = rows[0]["documents_per_second"]
    return [{**row, "share_of_plain": row["documents_per_second"] / plain} for row in rows]


def row_of(name: str, rounds: Sequence[Mapping[int, float]], size: Size, *, actors: int) -> dict[str, Any]:
    """The row of a job from the seconds of its rounds, by the number of shards; see the module."""
    one = statistics.median(each[1] for each in rounds)
    rest = statistics.median(each[size.shards] - each[1] for each in rounds)
    speed = size.documents * (size.shards - 1) / rest
    if actors > 1:
        speed = size.documents * size.shards / statistics.median(each[size.shards] for each in rounds)
    return {
        "name": name,
        "documents_per_second": speed,
        "start_seconds": one - size.documents / speed if actors <= 1 else 0.0,
        "rounds": [{str(many): taken for many, taken in each.items()} for each in rounds],
    }


def _shards(sentences: Sequence[str], folder: Path, size: Size) -> list[Path]:
    lines = [sentences[number % len(sentences)] for number in range(size.documents)]
    shards = [folder / f"shard-{number}.txt" for number in range(size.shards)]
    for shard in shards:
        shard.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return shards


def _fresh(output: Path) -> Path:
    if output.is_dir():
        shutil.rmtree(output)
    output.mkdir()
    return output


def _command(bundle: Path, shards: Sequence[Path], output: Path, actors: int, threads: int) -> list[str]:
    """The plain command for no actors."""
    inputs = list(map(str, shards))
    if not actors:
        tail = ["--input", *inputs, "--format", "lines", "--output", str(output / "tagged.jsonl")]
        tail += ["--threads", str(threads), "--no-progress"]
        return [sys.executable, "-m", "runtime.tag", "--bundle", str(bundle), *tail]
    tail = ["--output", str(output / "parts"), "--format", "jsonl", "--part-mib", "1"]
    tail += ["--actors", str(actors), "--threads", str(max(1, threads // actors))]
    return [sys.executable, "-m", "runtime.integrations.ray_data", *inputs, "--bundle", str(bundle), *tail]
