"""What every command of Nerve shares: one-line errors, exit statuses, a quiet end when the reader goes away.

Exit statuses: 0 done; 1 done, and the answer is no (a gate failed, a regression was found); 2 the user can mend it;
130 interrupted. It knows nothing of what the commands do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from runtime.errors import NerveError, UsageError, storage_error


class Parser(argparse.ArgumentParser):
    """argparse, except that a mistake is one line that says what to do, like every other error of Nerve."""

    def error(self, message: str) -> NoReturn:
        raise UsageError("command line", message, f"see {self.prog} --help")


def count(text: str) -> int:
    """An option's value that must be a whole number of at least 1."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def run(main: Callable[[Sequence[str]], int], prog: str) -> NoReturn:
    """Call `main` with the command's arguments and leave the process with its exit status.

    Args:
        main: takes the arguments without the program's name, returns the exit status.
        prog: the command as the user types it, to begin an error line with.
    """
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except NerveError as error:
        status = _say(prog, error)
    except BrokenPipeError:
        # The reader (head, less) has what it wanted. Python would complain once more while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        status = _say(prog, storage_error(error))
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _say(prog: str, error: NerveError) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        # What could not be written is what the error is about; without this, shutting down fails on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"{prog}: error: {error}", file=sys.stderr)
    return 2
