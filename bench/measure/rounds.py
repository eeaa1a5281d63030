"""Contestants and rounds: who is measured, where it runs, and how turns are interleaved.

In every round each contestant has one turn, in the same order (A B C A B C), so that whatever slows the machine down
for a while slows all of them. A contestant that fails is out from then on, and the rest goes on without it.
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
from bench.measure.process import Place, Worker
from bench.schema.result import Row
from bench.systems.base import Failure, Setting, Spec

Answer = TypeVar("Answer")
Run = TypeVar("Run")
# Between turns: thread pools of the one before spin for some milliseconds until they give up their CPU.
PAUSE = 0.02


class MeasuredSystem:
    """A system on its way through the run: where it runs, how it is set, and its row so far.

    Args:
        spec: the system.
        threads: that it may use.
        start: makes a process for so many threads; tests give one that makes none.
    """

    def __init__(self, spec: Spec, *, threads: int, start: Callable[[int], Place] = Worker) -> None:
        self.spec = spec
        self.setting = spec.settings[0]
        self.row = Row(spec.name, spec.title, spec.group, spec.precision, certificate=dict(spec.certificate))
        self.row.versions = versions(spec.versions)
        self._threads, self._start = threads, start
        self._place: Place | None = None
        self._opened: Setting | None = None
        missing = [name for name in spec.needs if not _installed(name)]
        if missing:
            self.fail(f"{', '.join(missing)}: {spec.install}", status="not installed")

    @property
    def name(self) -> str:
        """Of its system."""
        return self.spec.name

    @property
    def running(self) -> bool:
        """Whether it is still in."""
        return self.row.status == "measured"

    def ask(self, job: Callable[..., Answer], *arguments: object) -> Answer:
        """The answer of its process, which is started if there is none.

        Raises:
            Failure: it failed, and is out.
        """
        if self._place is None:
            self._place = self._start(self._threads)
        try:
            return self._place.call(job, *arguments)
        except Failure as failure:
            self.fail(str(failure))
            raise

    def open(self, setting: Setting) -> None:
        """Open the system with that setting, the one before it closed; nothing if it is open like that already."""
        self.setting = setting
        if self._place is None or self._opened != setting:
            self.ask(jobs.open_system, self.spec.open, setting)
            self._opened = setting

    def leave(self) -> None:
        """End its process; the next job gets a fresh one."""
        if self._place is not None:
            self._place.close()
            self._place = self._opened = None

    def fail(self, reason: str, *, status: str = "failed") -> None:
        """It is out; the row says why."""
        self.row.status, self.row.reason = status, reason
        self.leave()


def each(
    measured_systems: Iterable[MeasuredSystem], work: Callable[[MeasuredSystem], object], *, at_once: int = 1
) -> None:
    """Do something with every contestant that is still in. Whoever fails is out, and its row says so.

    Args:
        at_once: how many side by side; more than one only where nothing is timed.
    """

    def attempt(measured_system: MeasuredSystem) -> None:
        try:
            work(measured_system)
        except Failure as failure:
            if measured_system.running:
                measured_system.fail(str(failure))

    # Listed first: work may put a contestant out, and must not change what is gone through.
    remaining = [measured_system for measured_system in measured_systems if measured_system.running]
    if at_once == 1:
        for measured_system in remaining:
            attempt(measured_system)
        return
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(attempt, remaining))


def interleave(
    runs: Mapping[str, Callable[[], Run]],
    *,
    rounds: int,
    failed: Callable[[str, Failure], None],
    pause: Callable[[], None] = lambda: time.sleep(PAUSE),
) -> dict[str, list[Run]]:
    """What each turn gave, by round: A B C A B C. Those that fail are left out from then on, and of the answer.

    Args:
        runs: by name; each call is one turn.
        rounds: how many.
        failed: told of each failure, once.
        pause: between turns.
    """
    given: dict[str, list[Run]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name in list(given):
            pause()
            try:
                given[name].append(runs[name]())
            except Failure as failure:
                del given[name]
                failed(name, failure)
    return given


def repeats_for(seconds: float, *, at_least: float) -> int:
    """How often to repeat something of that many seconds so that a turn lasts long enough to be timed well."""
    return max(1, math.ceil(at_least / max(seconds, 1e-9)))


def disk_bytes(files: Sequence[Path]) -> int:
    """Bytes of files and folders, those that exist."""
    total = 0
    for file in files:
        members = file.rglob("*") if file.is_dir() else [file]
        total += sum(member.stat().st_size for member in members if member.is_file())
    return total


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
