"""Measured systems and rounds: which systems are measured, in which process, and how their runs are interleaved.

In every round each system has one run, in the same order (A B C A B C), so that a disturbance of the machine slows
all of them. A system that fails is left out from then on, and the others go on.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from bench.measure import jobs
from bench.measure.machine import versions
from bench.measure.process import JobRunner, Worker
from bench.schema.result import Row, Throughput
from bench.systems.base import Failure, Setting, Spec

Answer = TypeVar("Answer")
Run = TypeVar("Run")
# Seconds between two runs: thread pools of the system before go on spinning for some milliseconds.
PAUSE = 0.02


class MeasuredSystem:
    """A system while it is measured: its process, its setting, and its row of the result so far.

    Args:
        spec: the system.
        threads: how many threads it may use.
        start: starts a process for so many threads; tests give one that starts none.
    """

    def __init__(self, spec: Spec, *, threads: int, start: Callable[[int], JobRunner] = Worker) -> None:
        self.spec = spec
        self.setting = spec.settings[0]
        self.row = Row(spec.name, spec.title, spec.group, spec.precision, certificate=dict(spec.certificate))
        self.row.versions = versions(spec.versions)
        self._threads, self._start = threads, start
        self._runner: JobRunner | None = None
        self._opened: Setting | None = None
        self._left_out = False
        # A library that is not installed is no failure: the row says how to install it.
        missing = [name for name in spec.needs if not _installed(name)]
        if missing:
            self.fail(f"{', '.join(missing)}: {spec.install}", status="not installed")

    @property
    def name(self) -> str:
        """The system's name."""
        return self.spec.name

    @property
    def running(self) -> bool:
        """Whether it is installed and has not failed."""
        return self.measured and not self._left_out

    @property
    def measured(self) -> bool:
        """Whether it is installed, and either runs or was at least timed before it failed."""
        return self.row.status == "measured"

    def ask(self, job: Callable[..., Answer], *arguments: object) -> Answer:
        """Return the answer of its process, which is started if there is none.

        Raises:
            Failure: the job failed; the system is left out from now on.
        """
        # Started late, so that systems of which nothing is asked take no memory.
        if self._runner is None:
            self._runner = self._start(self._threads)
        try:
            return self._runner.call(job, *arguments)
        except Failure as failure:
            self.fail(str(failure))
            raise

    def open(self, setting: Setting) -> None:
        """Open the system with that setting, unless it already is."""
        self.setting = setting
        # A fresh process has nothing open, whatever was opened in the one before.
        if self._runner is None or self._opened != setting:
            self.ask(jobs.open_system, self.spec.open, setting)
            self._opened = setting

    def leave(self) -> None:
        """End its process; the next job starts a new one."""
        if self._runner is not None:
            self._runner.close()
            self._runner = self._opened = None

    def timed(self, found: Throughput) -> None:
        """Note a speed. A system that failed after it had runs enough for one is a measured system all the same."""
        self.row.throughput.append(found)
        if self.row.status == "failed":
            self.row.incomplete.append(
                f"after {len(found.seconds)} rounds nothing more was measured: {self.row.reason}"
            )
            self.row.status, self.row.reason = "measured", ""

    def fail(self, reason: str, *, status: str = "failed") -> None:
        """Leave the system out from now on; its row says why.

        Its speeds are measured all the same, so a system that has any stays in the tables.
        """
        if self.row.throughput:
            self.row.incomplete.append(f"after the throughput nothing more was measured: {reason}")
        else:
            self.row.status, self.row.reason = status, reason
        self._left_out = True
        self.leave()


def each(systems: Iterable[MeasuredSystem], work: Callable[[MeasuredSystem], object], *, at_once: int = 1) -> None:
    """Do something with every running system. One that fails is left out from then on, and its row says why.

    Args:
        at_once: how many systems at the same time; more than one only where nothing is timed.
    """

    def attempt(system: MeasuredSystem) -> None:
        try:
            work(system)
        except Failure as failure:
            # `ask` may have noted the failure already, with a better reason.
            if system.running:
                system.fail(str(failure))

    # A list, because `work` may change which systems are running.
    remaining = [system for system in systems if system.running]
    if at_once == 1:
        for system in remaining:
            attempt(system)
        return
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(attempt, remaining))


def interleave(
    runs: Mapping[str, Callable[[], Run]],
    *,
    rounds: int,
    failed: Callable[[str, Failure], None],
    pause: Callable[[], None] = lambda: time.sleep(PAUSE),
    least: int = 0,
) -> dict[str, list[Run]]:
    """Call every run once a round (A B C A B C), and return what each gave. One that fails is left out of the answer.

    Args:
        runs: by name.
        rounds: how many.
        failed: is called with each failure.
        pause: is called before each run.
        least: with so many runs, one that fails later stays in the answer; 0: it never does.
    """
    given: dict[str, list[Run]] = {name: [] for name in runs}
    going = list(runs)
    for _ in range(rounds):
        # A copy of the names, because a failure removes one.
        for name in list(going):
            pause()
            try:
                given[name].append(runs[name]())
            except Failure as failure:
                going.remove(name)
                failed(name, failure)
    return {name: found for name, found in given.items() if name in going or 0 < least <= len(found)}


def repeats_for(seconds: float, *, at_least: float) -> int:
    """Return how often to repeat work of so many seconds, so that a run is long enough to be timed well."""
    return max(1, math.ceil(at_least / max(seconds, 1e-9)))


def disk_bytes(files: Sequence[Path]) -> int:
    """Return the bytes of all files and folders that exist."""
    total = 0
    for file in files:
        members = file.rglob("*") if file.is_dir() else [file]
        total += sum(member.stat().st_size for member in members if member.is_file())
    return total


def _installed(name: str) -> bool:
    try:
        # Looked for and not imported: this process must stay free of their threads and memory.
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
