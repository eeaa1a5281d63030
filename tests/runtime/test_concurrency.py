"""Work that is begun before its result is needed, and results that come in the order of their inputs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from runtime.concurrency import Ahead, in_order
from tests.waiting import PATIENCE


def test_the_function_runs_before_it_is_asked_for_its_result() -> None:
    ran = threading.Event()

    def three() -> int:
        ran.set()
        return 3

    ahead = Ahead(three)
    assert ran.wait(PATIENCE)
    assert [ahead.result(), ahead.result()] == [3, 3]


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    ahead = Ahead(lambda: int("three"))
    with pytest.raises(ValueError, match="three"):
        ahead.result()


@pytest.mark.parametrize(("to_its_end", "seconds"), [(False, 3600), (True, 0.5)])
def test_a_process_ends_at_once_or_waits_for_what_must_end(to_its_end: bool, seconds: float) -> None:
    code = (
        "import time; from runtime.concurrency import Ahead\n"
        f"Ahead(lambda: (time.sleep({seconds}), print('ended')), to_its_end={to_its_end})"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == ("ended\n" if to_its_end else "")


def test_an_interrupted_process_waits_for_what_must_end() -> None:
    """Ctrl-C in Thread.join makes Python 3.11 take the thread for ended, and the interpreter goes away beneath it."""
    # A shell starts what runs in the background with SIGINT ignored, and these tests with it.
    code = (
        "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from runtime.command_line import run; from runtime.concurrency import Ahead\n"
        "ahead = Ahead(lambda: (open(0).readline(), print('ended', flush=True)), to_its_end=True)\n"
        "run(lambda arguments: (print('ready', flush=True), ahead.result()), 'python -m example')"
    )
    line, pipe = [sys.executable, "-c", code], subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)  # until result() waits, as it does in all but the rarest case
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # until that is known to it
        process.stdin.write(b"end\n")
        process.stdin.close()
        assert (process.stdout.read(), process.stderr.read(), process.wait()) == (b"ended\n", b"", 130)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_answers_come_in_order(workers: int) -> None:
    def slow(each: int) -> int:
        time.sleep(0.002 * (each % 3))
        return each * each

    assert list(in_order(slow, range(50), workers=workers)) == [each * each for each in range(50)]


@pytest.mark.parametrize(("workers", "most"), [(1, 1), (3, 9)])
def test_little_is_read_ahead(workers: int, most: int) -> None:
    read: list[int] = []

    def source() -> Iterator[int]:
        for each in range(1000):
            read.append(each)
            yield each

    answers = in_order(lambda each: each, source(), workers=workers)
    for answered in range(1, 20):
        next(answers)
        assert len(read) <= answered + most


def test_one_needs_no_thread() -> None:
    (thread,) = in_order(lambda _: threading.current_thread(), [0], workers=4)
    assert thread is threading.current_thread()


def test_error_comes_after_the_answers_before_it() -> None:
    def seventh_fails(each: int) -> int:
        if each == 7:
            raise ValueError(each)
        return each

    answers = in_order(seventh_fails, range(100), workers=3)
    assert [next(answers) for _ in range(7)] == list(range(7))
    with pytest.raises(ValueError, match="7"):
        next(answers)


def test_calls_that_have_not_begun_are_dropped_when_nobody_reads_on() -> None:
    called: list[int] = []
    left = threading.Event()

    def held(each: int) -> int:
        called.append(each)
        assert each < 2 or left.wait(PATIENCE)
        return each

    def let_go() -> None:
        for _ in range(10):  # not one long sleep: where the whole process is stopped, only one of them is over
            time.sleep(0.05)
        left.set()

    answers = in_order(held, range(100), workers=2)
    assert [next(answers), next(answers)] == [0, 1]
    threading.Thread(target=let_go).start()
    answers.close()  # type: ignore[attr-defined]  # a generator, which is what a caller that stops reading closes
    # Two workers were in a call each; by the time that those end, the others are dropped.
    assert len(called) <= 4
