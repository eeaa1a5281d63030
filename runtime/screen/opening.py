"""Which screen a command draws on, and libraries kept from writing between its lines.

Rich is not needed: without it, as on a pipe, a command prints plain lines.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.screen.display import Display, Screen, detail, showing
from runtime.screen.plain import Plain

# Read by the libraries when they are imported: their own bars, and advice to somebody who writes a program.
_QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


def add_verbose(parser: ArgumentParser) -> None:
    """The option that every command with a screen has."""
    parser.add_argument("-v", "--verbose", action="store_true", help="show details, and what libraries warn of")


@contextmanager
def screen(*, verbose: bool) -> Iterator[Display]:
    """While the body runs, what is told is drawn on standard output, and what libraries warn of is a detail."""
    with showing(_screen(verbose)) as display, _quiet_libraries():
        yield display


def on_terminal() -> bool:
    """Whether a person reads standard output: where a program does, the last line is JSON."""
    return sys.stdout.isatty()


def _screen(verbose: bool) -> Screen:
    colored = on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    if colored and importlib.util.find_spec("rich"):
        from runtime.screen.terminal import terminal

        return terminal(verbose=verbose)
    return Plain(sys.stdout, verbose=verbose)


class _Details(logging.Handler):
    """Log records as details."""

    def emit(self, record: logging.LogRecord) -> None:
        detail(f"{record.name}: {record.getMessage()}".partition("\n")[0])


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """What libraries warn of and log is a detail, and none of them draws a bar."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    handler, root = _Details(logging.WARNING), logging.getLogger()
    root.addHandler(handler)
    with warnings.catch_warnings():
        warnings.showwarning = _as_detail
        try:
            yield
        finally:
            root.removeHandler(handler)


def _as_detail(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    detail(f"{category.__name__}: {message}".partition("\n")[0])
