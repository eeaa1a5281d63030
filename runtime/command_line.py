"""The frame of every command: errors in one line, exit statuses, and a quiet end when the output's reader stops.

Exit statuses: 0: done. 1: done, and the answer is no (a gate failed, a benchmark became slower). 2: an error that the
user can fix. 130: interrupted. The module does not know what the commands do;
what all that open a bundle ask about trust is said here, once.
"""

from __future__ import annotations

import argparse
import atexit
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from runtime.errors import NerveError, UsageError, storage_error


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are UsageErrors: one line with a fix, as all errors of Nerve are."""

    def error(self, message: str) -> NoReturn:
        raise UsageError("command line", message, f"see {self.prog} --help")


def count(text: str) -> int:
    """The whole number of at least 1 that an option's value spells.

    Raises:
        argparse.ArgumentTypeError: the value is something else.
    """
    # int() alone would take "1_000", " 1" and digits of other scripts.
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def add_trust(made: argparse.ArgumentParser, title: str) -> None:
    """Add the options on what a bundle must prove, under that title."""
    group = made.add_argument_group(title)
    group.add_argument("--allow-uncertified", action="store_true", help="run what holds no passing certificate")
    limited = "run what was certified on little text, too; see --limited-evidence of python -m export"
    group.add_argument("--limited-evidence", action="store_true", help=limited)
    signed = "refuse a bundle that was not signed with the private key to this one; see python -m export.sign"
    group.add_argument("--require-signature", type=Path, metavar="PUBLIC_KEY", help=signed)


def run(main: Callable[[Sequence[str]], int], prog: str, *, leave: Callable[[int], NoReturn] = sys.exit) -> NoReturn:
    """Call `main` with the command's arguments, and end the process with its exit status.

    Args:
        main: takes the arguments without the program's name and returns the exit status.
        prog: the command as the user types it; every error line begins with it.
        leave: ends the process of a command that returned; see leave_at_once.
    """
    try:
        _check_streams()
        # A path may hold characters that the terminal's encoding lacks; standard error writes them so by itself.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        status = main(sys.argv[1:])
        # Here and not at exit: a full disk must become an error of the command, with its exit status.
        sys.stdout.flush()
        leave(status)
    except NerveError as error:
        status = _say(prog, error)
    except BrokenPipeError:
        # The reader (head, less) has read enough, which is no error. Without /dev/null in its place, Python would
        # flush standard output at exit and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        status = _say(prog, storage_error(error))
    except KeyboardInterrupt:
        status = 130
    except BaseException as error:  # a library written in Rust panics with an exception that is no Exception
        if isinstance(error, SystemExit):
            raise
        status = _report_bug(prog, error)
    sys.exit(status)


def leave_at_once(status: int) -> NoReturn:
    """End the process without taking Python and its libraries down piece by piece, which takes 25 ms with a backend.

    For a command that has closed all that it opened. What was registered to be called at the end is called.
    """
    if _is_watched():
        sys.exit(status)  # who watches the command has something to write at its end
    atexit._run_exitfuncs()
    sys.stdout.flush()  # what they printed
    sys.stderr.flush()
    os._exit(status)


def _is_watched() -> bool:
    """Whether a debugger, a profiler or a measure of coverage is at work; from Python 3.12 on they may have a place
    of their own (sys.monitoring, PEP 669)."""
    monitoring = getattr(sys, "monitoring", None)
    return bool(sys.gettrace() or sys.getprofile() or (monitoring and any(map(monitoring.get_tool, range(6)))))


def _check_streams() -> None:
    """Refuse to run without a standard output; of the other two, what is closed is empty, or leads nowhere.

    Raises:
        UsageError: standard output is closed.
    """
    closed = [number for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)) if stream is None]
    for _ in closed:
        # The lowest free number is given out: a file of ours must not become one of the three.
        os.open(os.devnull, os.O_RDWR)
    if 0 in closed:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if 2 in closed:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    if 1 in closed:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        raise UsageError("standard output", "it is closed", "send it to a file or to /dev/null")


def _report_bug(prog: str, error: BaseException) -> int:
    """Keep the traceback in a file, and say in one line where; the exit status is EX_SOFTWARE of sysexits.h."""
    trace = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile("w", prefix="nerve-bug-", suffix=".txt", delete=False) as file:
            file.write(f"{prog} {sys.argv[1:]}\n{trace}")
        kept = f"please report it with {file.name}"
    except OSError as why:
        kept = f"please report it; the traceback could not be kept ({why})"
    told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    print(f"{prog}: error: {told}: this is a bug; {kept}", file=sys.stderr)
    return 70


# The exit status is always 2, so that `run` can end with it.
def _say(prog: str, error: NerveError) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        # The error is most often about this output, which cannot be written; at exit it would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"{prog}: error: {error}", file=sys.stderr)
    return 2
