"""Commands as processes: the exit status, the one line on standard error, and what is left of the output."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.command_line import Parser, count
from runtime.errors import UsageError
from tests.conftest import BUFFERED, ROOT
from tests.waiting import PATIENCE

_COMMAND = """
import sys
from runtime.command_line import Parser, run
from runtime.errors import CorpusError

def main(arguments):
    {body}

run(main, "python -m example")
"""


def _line(body: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", _COMMAND.format(body=body), *arguments]


def _run(body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_line(body, *arguments), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_is_the_one_that_main_returns(status: int) -> None:
    done = _run(f"print(arguments); return {status}", "a", "b")
    assert (done.returncode, done.stdout, done.stderr) == (status, "['a', 'b']\n", "")


_AT_ONCE = """
import {watch}atexit, sys, threading, time
from runtime.command_line import leave_at_once, run

class Slow:
    def __del__(self):
        print("taken down", flush=True)

kept = Slow()
atexit.register(print, "at the end")
threading.Thread(target=time.sleep, args=(3600,), daemon=bool({watch!r})).start()
print("answer")
{begin}
run(lambda _: 0, "python -m example", leave=leave_at_once)
"""


def _at_once(**parts: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", _AT_ONCE.format(**parts)]
    return subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT, timeout=PATIENCE, env=BUFFERED)


def test_a_command_that_leaves_at_once_takes_nothing_down_but_says_all() -> None:
    done = _at_once(watch="", begin="")
    assert (done.stdout, done.stderr) == ("answer\nat the end\n", "")


def test_who_watches_a_command_sees_its_end() -> None:
    done = _at_once(watch="cProfile, ", begin="cProfile.Profile().enable()")
    assert done.stdout.splitlines()[-1] == "taken down"


def test_an_error_is_one_line_after_what_was_printed_and_ends_with_2() -> None:
    done = _run("print('begun'); raise CorpusError('x:1', 'broken', 'fix it')")
    assert (done.returncode, done.stdout) == (2, "begun\n")
    assert done.stderr == "python -m example: error: x:1: broken; fix it\n"


def test_an_error_of_the_system_is_one_line_too(tmp_path: Path) -> None:
    done = _run("open(arguments[0], 'w')", str(tmp_path / "none" / "x"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "none/x: No such file or directory; check the path" in done.stderr


@pytest.mark.parametrize(
    "raised", ["RuntimeError('broken' + chr(10) + 'invariant')", "BaseException('broken invariant')"]
)
def test_a_mistake_of_ours_is_one_line_and_its_traceback_is_kept(raised: str) -> None:
    done = _run(f"raise {raised}", "an argument")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (70, "", 1)
    found = re.fullmatch(r".*: broken invariant: this is a bug; please report it with (\S+)\n", done.stderr)
    assert found
    kept = Path(found[1])
    assert "Traceback" in kept.read_text()
    assert "an argument" in kept.read_text()
    kept.unlink()


@pytest.mark.parametrize(("closed", "status"), [("<&-", 0), (">&-", 2), ("2>&-", 0), ("<&- >&- 2>&-", 2)])
def test_streams_that_are_closed(closed: str, status: int, tmp_path: Path) -> None:
    body = "import os; f = open(arguments[0], 'w'); print(sys.stdin.read() + 'said'); print('err', file=sys.stderr)"
    line = shlex.join(_line(f"{body}; return 0", str(tmp_path / "file")))
    done = subprocess.run(
        f"{line} {closed} </dev/null" if "<" not in closed else f"{line} {closed}",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert done.stdout == ("said\n" if status == 0 else "")
    if status and "2>" not in closed:
        assert (
            done.stderr
            == "python -m example: error: standard output: it is closed; send it to a file or to /dev/null\n"
        )
    if (tmp_path / "file").exists():
        assert (tmp_path / "file").read_text() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_said_once() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            _line("print('lost'); return 0"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == (
        "python -m example: error: output: no space left (No space left on device); "
        "free some space, and run the same command again\n"
    )


def test_a_reader_that_stops_early_is_no_error() -> None:
    with subprocess.Popen(
        _line("[print(n) for n in range(10**6)]; return 0"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_an_interrupted_command_ends_with_130_and_no_traceback() -> None:
    # A shell starts what runs in the background with SIGINT ignored, and these tests with it.
    body = (
        "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "print('ready', flush=True); time.sleep(3600)"
    )
    with subprocess.Popen(_line(body), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert (process.stderr.read(), process.wait()) == (b"", 130)


def test_a_parser_raises_what_others_print() -> None:
    with pytest.raises(UsageError, match="command line: unrecognized arguments: --none; see python -m example --help"):
        Parser(prog="python -m example").parse_args(["--none"])


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", " 1", "1_000", "\u0663", "many"])
def test_a_count_is_a_whole_number_of_at_least_1(text: str) -> None:
    assert count("12") == 12
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number of at least 1"):
        count(text)


def test_a_terminal_that_lacks_a_character_gets_it_in_escapes() -> None:
    body = "print('f\\u00fcr \\udcff'); raise CorpusError('f\\u00fcr', 'broken', 'fix it')"
    line = _line(body)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"f\\xfcr \\udcff\n")
    assert done.stderr == b"python -m example: error: f\\xfcr: broken; fix it\n"
