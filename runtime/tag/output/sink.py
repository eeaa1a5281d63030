"""Sinks: the places that output bytes go to.

Standard output, devices and pipes get the bytes at once; for files, see runtime.tag.output.resumable_file. Where a name
ends in .gz, .xz, .bz2 or .zst, the bytes are packed. The module does not know formats.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from runtime.errors import StorageError, storage_error
from runtime.system.files import is_mount_point
from runtime.tag.input.item import Item
from runtime.tag.input.source import STANDARD
from runtime.tag.output.journal import Saved, Work
from runtime.tag.output.packer import Packer, Plain, packer_for, write_all


class Sink(Protocol):
    """The place that an output goes to.

    Attributes:
        saved: the state that the run begins with. Where it is `complete`, nothing is left to do.
        partial: name of the file that keeps an unfinished output; "" where none does.
    """

    @property
    def saved(self) -> Saved: ...
    @property
    def partial(self) -> str: ...

    def catch_up(self, blocks: Iterator[bytes], place: str) -> None:
        """Read the part of an input that an earlier run has done; see Cursor.catch_up."""

    def write(self, data: bytes, items: Sequence[Item] = ()) -> None:
        """Write the bytes of the next items; bytes without items are the output's head and tail."""

    def save(self, *, left_out: int, score: dict[str, Any]) -> None:
        """Take the figures of all that is written. From time to time this becomes a saved state.

        Args:
            left_out: number of broken items so far.
            score: counts of the scorer so far.
        """

    def stop(self, item: Item) -> bool:
        """End before a broken item, which the user will fix. Returns whether a later run can go on from here."""

    def finish(self) -> None:
        """End with a complete output, also where `saved` is complete and was found to be of the inputs as they are."""

    def close(self) -> None:
        """Close the output, complete or not."""


def open_sink(name: str, work: Work, *, resume: bool, seconds: float) -> Sink:
    """The sink for an output.

    Args:
        name: a path, or "-" for standard output.
        work: the work of this run.
        resume: go on where an earlier run ended, if there was one.
        seconds: time between two saved states.

    Raises:
        StorageError: no such folder, no permission, or another process is writing the file.
        UsageError: the earlier run did other work.
    """
    if name == STANDARD:
        return Direct(_standard_output)
    path = Path(os.path.realpath(name))  # the link stays, and the file that it leads to is replaced
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            # A device or a pipe: what was written there cannot be cut back, so nothing could go on with it.
            packer, descriptor = packer_for(name), os.open(path, os.O_WRONLY)
            return Direct(lambda data: write_all(descriptor, data, name), descriptor, packer=packer)
        if is_mount_point(path):
            raise StorageError(name, "a mount point, which cannot be replaced", "write to a file beside it")
        from runtime.tag.output.resumable_file import Whole  # not at the top: standard output does not need it

        return Whole(path, name, work, resume=resume, seconds=seconds)
    except OSError as error:
        raise storage_error(error) from error


class Direct:
    """A Sink whose bytes go out at once.

    Args:
        write: writes all bytes that it is given.
        descriptor: file to close at the end; -1: none.
        packer: packs the bytes; None: they stay as they are.
    """

    partial = ""

    def __init__(
        self, write: Callable[[bytes], None], descriptor: int = -1, *, packer: Packer | Plain | None = None
    ) -> None:
        self.saved = Saved()
        self._write, self._descriptor = write, descriptor
        self._packer = packer or Plain()

    def catch_up(self, blocks: Iterator[bytes], place: str) -> None:
        """See Sink."""

    def write(self, data: bytes, items: Sequence[Item] = ()) -> None:
        """See Sink."""
        self._write(self._packer.pack(data))

    def save(self, *, left_out: int, score: dict[str, Any]) -> None:
        """See Sink."""

    def stop(self, item: Item) -> bool:
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
        # Flushed each time: a program that reads through a pipe waits for the answer to each of its lines.
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        error.filename = "standard output"
        raise storage_error(error) from error
