"""The order in which functions of C are called, seen from outside: nothing is put in their place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def called(*names: str) -> Iterator[list[str]]:
    """The list of those functions, by name, in the order in which they are called inside."""
    calls: list[str] = []

    def note(frame: object, event: str, function: object) -> None:
        name = getattr(function, "__name__", "")
        if event == "c_call" and name in names:
            calls.append(name)

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
