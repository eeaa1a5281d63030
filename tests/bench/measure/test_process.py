"""Processes: what they answer, and what is said of those that do not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.measure import jobs
from bench.measure.process import Deadline, Local, Worker
from bench.systems.base import Failure
from tests.bench import fakes
from tests.waiting import wait_until


@pytest.fixture
def worker() -> Iterator[Worker]:
    started = Worker(1)
    yield started
    started.close()


def test_what_libraries_print_does_not_get_between_the_answers(worker: Worker) -> None:
    assert worker.call(fakes.chatty) == "answer"
    assert worker.call(fakes.chatty) == "answer"


def test_an_exception_is_a_failure_without_anybodys_folders(worker: Worker) -> None:
    with pytest.raises(Failure, match=r"^ValueError: cannot read model\.bin$"):
        worker.call(jobs.open_system, fakes.open_refusing, fakes.SETTING)
    assert worker.call(fakes.chatty) == "answer"  # the process lives on


def test_a_crash_is_a_failure_that_says_how(worker: Worker) -> None:
    with pytest.raises(Failure, match=r"^crashed: SIGABRT \(bad thing at core\.cc\)$"):
        worker.call(fakes.aborting)


def test_a_system_that_hangs_is_ended(worker: Worker) -> None:
    with pytest.raises(Failure, match=r"took longer than 0\.3 s"):
        worker.call(fakes.sleepy, timeout=0.3)


def test_asking_before_opening_is_a_failure(worker: Worker) -> None:
    with pytest.raises(Failure, match="nothing was opened"):
        worker.call(jobs.answers, ["text"])


def test_it_is_confined_to_its_cpus(worker: Worker) -> None:
    assert worker.call(_cpus) == 1
    assert worker.call(jobs.peak_bytes) > 1_000_000


def _cpus(session: jobs.Session) -> int:
    return len(os.sched_getaffinity(0))


def test_a_job_ends_when_the_time_of_the_whole_is_over() -> None:
    clock = fakes.Clock()
    runner = Deadline(Local(jobs.Session()), clock.now + 5, clock)
    assert runner.call(fakes.chatty) == "answer"
    clock.now += 6
    with pytest.raises(Failure, match="the time was over"):
        runner.call(fakes.chatty)
    runner.close()


def test_what_a_job_has_started_ends_with_it(worker: Worker) -> None:
    status = Path(f"/proc/{worker.call(_starts_another)}/status")
    assert status.is_file()
    with pytest.raises(Failure, match="took longer than"):
        worker.call(fakes.sleepy, timeout=0.3)
    wait_until(lambda: _is_over(status))


def _is_over(status: Path) -> bool:
    try:
        return "Z (zombie)" in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def _starts_another(session: jobs.Session) -> int:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]).pid
