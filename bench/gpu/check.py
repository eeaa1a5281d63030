"""The GPU check under way: its steps in order, each with a limit of time, and the result on disk after each.

A step that cannot run, or takes too long, is a line that says why, and the others go on.
"""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench.gpu.jobs import Answer
from bench.gpu.matrices import open_gpu_products
from bench.gpu.sizes import Size
from bench.measure.machine import machine_facts
from bench.measure.process import Deadline, JobRunner, Worker
from bench.schema.result import Check, Result, write_result
from bench.systems.base import Failure, Setting, System

PASSED, FAILED, NOT_RUN, NOT_INSTALLED = "passed", "failed", "not run", "not installed"
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class GpuCheck:
    """What the steps share.

    Attributes:
        work: a folder for models and bundles, deleted afterwards.
        output: the JSON.
        size: how much is done.
        threads: of the host, for each system.
        end: when the whole check must be over, by time.monotonic.
        result: what was found so far.
        device: "cuda"; "cpu" in tests.
        checkpoint, corpus: the user's own, in place of MiniLM and the generated sample.
        start: starts a process.
        roofline: opens what measures the GPU's matrix-multiplication rate.
    """

    work: Path
    output: Path
    size: Size
    threads: int
    end: float
    result: Result
    device: str = "cuda"
    checkpoint: Path | None = None
    corpus: Path | None = None
    start: Callable[[int], JobRunner] = Worker
    roofline: Callable[[Setting], System] = open_gpu_products
    _beside: dict[str, Future[Any]] = field(default_factory=dict, init=False)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2), init=False)

    def bounded(self, seconds: float) -> Callable[[int], JobRunner]:
        """Return a `start` whose processes end after so many seconds from now, or when the check must be over."""
        # A step's own limit leaves time for the steps after it.
        end = min(self.end, time.monotonic() + seconds)
        return lambda threads: Deadline(self.start(threads), end)

    def left(self) -> float:
        """Return the seconds until the whole check must be over."""
        return self.end - time.monotonic()

    def run(self, job: Callable[..., T], *arguments: object, seconds: float) -> T:
        """Return the answer of a job in a process of its own.

        Raises:
            Failure: it failed, or took longer than so many seconds.
        """
        runner = self.bounded(seconds)(self.threads)
        try:
            return runner.call(job, *arguments)
        finally:
            runner.close()

    def begin(self, name: str, work: Callable[[], object]) -> None:
        """Do work beside the following steps, so long as these time nothing; `awaited` returns its answer."""
        self._beside[name] = self._pool.submit(work)

    def begun(self, name: str) -> bool:
        """Return whether work was begun under that name."""
        return name in self._beside

    def awaited(self, name: str) -> Any:
        """Return the answer of the work that was begun under that name, once it is done.

        Raises:
            Failure: it failed.
        """
        return self._beside[name].result()

    def passed(self, name: str) -> bool:
        """Return whether the step of that name ran and passed."""
        return self.status_of(name) == PASSED

    def status_of(self, name: str) -> str:
        """Return how the step of that name ended; NOT_RUN where it is still to come."""
        return next((one.status for one in self.result.checks if one.name == name), NOT_RUN)

    def close(self) -> None:
        """Wait for work that nobody waited for; it ends with the check's time."""
        self._pool.shutdown()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the check.

    Attributes:
        name: in reports.
        seconds: the longest time that it may take.
        work: does it.
        needs: steps that must have passed.
    """

    name: str
    seconds: int
    work: Callable[[GpuCheck, int], Answer]
    needs: tuple[str, ...] = ()


def run_steps(check: GpuCheck, steps: Sequence[Step]) -> None:
    """Do the steps in order, and write the result to disk after each."""
    begun = time.monotonic() - check.result.seconds
    for step in steps:
        # On standard error: the last line of standard output is the path of the JSON.
        print(f"{step.name} ...", file=sys.stderr, flush=True)
        check.result.checks.append(_done(check, step))
        check.result.seconds = time.monotonic() - begun
        # The whole check may be ended from outside at any time.
        write_result(check.output, check.result)


def _done(check: GpuCheck, step: Step) -> Check:
    begun = time.monotonic()
    # A step without what it needs would fail with a message about something else.
    lacking = [name for name in step.needs if not check.passed(name)]
    if lacking:
        expected = all(check.status_of(name) == NOT_INSTALLED for name in lacking)
        status = NOT_INSTALLED if expected else NOT_RUN
        return Check(step.name, status, [f"it needs {', '.join(lacking)}"], 0.0)
    try:
        answer = step.work(check, step.seconds)
    except Failure as failure:
        return Check(step.name, NOT_RUN, [str(failure)], time.monotonic() - begun)
    status = (PASSED if answer.passed else FAILED) if answer.installed else NOT_INSTALLED
    return Check(step.name, status, answer.lines, time.monotonic() - begun)


def empty_result(threads: int, method: list[str]) -> Result:
    """Return the result of a check that has not begun."""
    machine = machine_facts()
    machine["load_average_after"] = machine["load_average"]
    return Result(
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        quick=True,
        threads=threads,
        method=method,
        machine=machine,
        bundle={"manifest_sha256": "", "versions": {}},
        checkpoint={"name": "none", "sha256": "", "architecture": "unknown", "layers": 0, "hidden": 0},
        workloads=[],
        rows=[],
        notes=[],
    )
