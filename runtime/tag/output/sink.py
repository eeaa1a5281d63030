"""Where the bytes of an output go: standard output, a device or a pipe at once, and a file in whole.py's way.

A name that ends in .gz is packed. It knows nothing of formats.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from runtime.errors import storage_error
from runtime.tag.input.item import Item
from runtime.tag.input.source import GZIP, STANDARD
from runtime.tag.output.gzip_stream import Packer, Plain, write_all
from runtime.tag.output.journal import Saved, Work


class Sink(Protocol):
    """Where an output goes.

    Attributes:
        saved: where the run begins; its `complete` says that nothing is left to do.
        partial: where an unfinished output is kept; "" where there is no such place.
    """

    @property
    def saved(self) -> Saved: ...
    @property
    def partial(self) -> str: ...

    def catch_up(self, blocks: Iterator[bytes], place: str) -> None:
        """Read past that part of an input which is done already."""

    def write(self, data: bytes, items: Sequence[Item] = ()) -> None:
        """Write the bytes of whole items, which follow those before."""

    def save(self, *, left_out: int, score: dict[str, Any]) -> None:
        """What was written is all that these figures count; now and then it becomes a moment to go on from."""

    def stop(self) -> bool:
        """The next item is broken, and the user will mend it; whether a run can go on from here with what is kept."""

    def finish(self) -> None:
        """The output is whole."""

    def close(self) -> None:
        """Let go of it, finished or not."""


def open_sink(name: str, work: Work, *, resume: bool, seconds: float) -> Sink:
    """The sink for an output of that name; "-" is standard output.

    Args:
        name: a path or "-".
        work: what will be done.
        resume: go on where a run before this one was killed, if there was one.
        seconds: between two moments that the work can go on from.

    Raises:
        StorageError: no such folder, no permission, or another process is writing it.
        UsageError: the run before did other work.
    """
    if name == STANDARD:
        return Direct(_standard_output)
    path = Path(os.path.realpath(name))  # what a link leads to is written, and the link stays
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            descriptor = os.open(path, os.O_WRONLY)
            return Direct(lambda data: write_all(descriptor, data, name), descriptor, packed=name.endswith(GZIP))
        from runtime.tag.output.resumable_file import Whole  # not at the top: one sentence goes to standard output

        return Whole(path, name, work, resume=resume, seconds=seconds)
    except OSError as error:
        raise storage_error(error) from error


class Direct:
    """Bytes that go out at once.

    Args:
        write: takes all of the bytes it is given.
        descriptor: to close in the end; -1 for none.
        packed: pack them.
    """

    partial = ""

    def __init__(self, write: Callable[[bytes], None], descriptor: int = -1, *, packed: bool = False) -> None:
        self.saved = Saved()
        self._write, self._descriptor = write, descriptor
        self._packer = Packer() if packed else Plain()

    def catch_up(self, blocks: Iterator[bytes], place: str) -> None:
        """See Sink."""

    def write(self, data: bytes, items: Sequence[Item] = ()) -> None:
        """See Sink."""
        self._write(self._packer.pack(data))

    def save(self, *, left_out: int, score: dict[str, Any]) -> None:
        """See Sink."""

    def stop(self) -> bool:
        """See Sink."""
        self._write(self._packer.end())
        return False

    def finish(self) -> None:
        """See Sink."""
        self._write(self._packer.end())

    def close(self) -> None:
        """See Sink."""
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _standard_output(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        error.filename = "standard output"
        raise storage_error(error) from error
