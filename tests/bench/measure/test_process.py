"""Processes: what they answer, and what is said of those that do not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bench.measure import jobs
from bench.measure.process import Worker
from bench.report.tidy import tidy
from bench.systems.base import Failure
from tests.bench import fakes


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


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("cannot open /a/b/c.onnx: no", "cannot open c.onnx: no"),
        ("in ~/x/y and ../z/w.txt", "in y and w.txt"),
        ("two\n  lines", "two lines"),
        ("3/4 of it", "3 4 of it".replace(" 4", "4")),
        ("x" * 300, "x" * 197 + "..."),
    ],
)
def test_messages_lose_their_folders(message: str, expected: str) -> None:
    assert tidy(message) == expected
