"""Steps: each is a row, whatever happens to it, and the result is on disk after each."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from bench.gpu.check import FAILED, NOT_INSTALLED, NOT_RUN, PASSED, GpuCheck, Step, empty_result, run_steps
from bench.gpu.jobs import Answer
from bench.gpu.sizes import FOUR
from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local, Worker
from bench.schema.result import read_result
from bench.systems.base import Failure
from tests.bench import fakes
from tests.waiting import PATIENCE


def _local(threads: int) -> JobRunner:
    return Local(Session())


@pytest.fixture
def check(tmp_path: Path) -> GpuCheck:
    end = time.monotonic() + 3600
    output, result = tmp_path / "result.json", empty_result(1, [])
    return GpuCheck(work=tmp_path, output=output, size=FOUR, threads=1, end=end, result=result, start=_local)


def _sleeps(check: GpuCheck, seconds: int) -> Answer:
    check.run(fakes.sleepy, seconds=seconds)
    return Answer([])


def _refuses(check: GpuCheck, seconds: int) -> Answer:
    raise Failure("torch is not installed")


def test_every_step_is_a_row_that_says_how_it_went(check: GpuCheck) -> None:
    steps = [
        Step("first", 10, lambda check, seconds: Answer(["found"])),
        Step("second", 10, _refuses),
        Step("third", 10, lambda check, seconds: Answer([], passed=False), ("first",)),
        Step("fourth", 10, lambda check, seconds: Answer(["never"]), ("first", "second")),
    ]
    run_steps(check, steps)
    found = {one.name: (one.status, one.lines) for one in read_result(check.output).checks}
    assert found == {
        "first": (PASSED, ["found"]),
        "second": (NOT_RUN, ["torch is not installed"]),
        "third": (FAILED, []),
        "fourth": (NOT_RUN, ["it needs second"]),
    }


def test_what_is_not_installed_is_no_failure_and_neither_is_what_needs_it(check: GpuCheck) -> None:
    steps = [
        Step("engines", 10, lambda check, seconds: Answer(["TensorRT is not installed"], installed=False)),
        Step("fp8", 10, lambda check, seconds: Answer(["never"]), ("engines",)),
    ]
    run_steps(check, steps)
    assert [one.status for one in check.result.checks] == [NOT_INSTALLED, NOT_INSTALLED]
    assert check.result.checks[1].lines == ["it needs engines"]


def test_the_result_is_on_disk_after_each_step(check: GpuCheck) -> None:
    seen: list[int] = []

    def look(check: GpuCheck, seconds: int) -> Answer:
        seen.append(len(read_result(check.output).checks) if check.output.is_file() else 0)
        return Answer([])

    run_steps(check, [Step(name, 10, look) for name in "abc"])
    assert seen == [0, 1, 2]


def test_a_step_that_takes_too_long_is_ended(check: GpuCheck) -> None:
    check.start = Worker
    run_steps(check, [Step("long", 1, _sleeps)])  # which sleeps for an hour
    assert check.result.checks[0].status == NOT_RUN
    assert check.result.checks[0].lines[0].startswith("took longer than")


def test_when_the_time_is_over_nothing_is_begun(check: GpuCheck) -> None:
    check.end = time.monotonic() - 1
    with pytest.raises(Failure, match="the time was over"):
        check.run(fakes.chatty, seconds=10)


def test_work_that_was_begun_beside_is_awaited(check: GpuCheck) -> None:
    assert not check.begun("large")
    # Two go on at the same time: the one begun first waits for the other.
    second = threading.Event()
    check.begin("large", lambda: Answer(["made" if second.wait(PATIENCE) else "alone"]))
    check.begin("answers", second.set)
    assert check.begun("large")
    check.awaited("answers")
    assert check.awaited("large").lines == ["made"]
    check.close()


def test_seconds_count_from_the_first_step_on(check: GpuCheck) -> None:
    run_steps(check, [Step("first", 10, lambda check, seconds: Answer([]))])
    check.result.seconds = 4.0
    run_steps(check, [Step("second", 10, lambda check, seconds: Answer([]))])
    assert check.result.seconds >= 4.0
