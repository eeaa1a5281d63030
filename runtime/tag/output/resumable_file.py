"""An output file that gets its name when it is complete, and that a killed run can go on with.

    FILE.partial    the output so far
    FILE.journal    saved states: so many bytes of the output are the answers to so many bytes of the inputs
    FILE            the old content, until the new output is complete and takes its place

A run that goes on cuts FILE.partial back to the last saved state, so that no answer is written twice, and reads the
inputs from there, so that none is lost. The module does not know formats.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runtime.errors import StorageError, storage_error
from runtime.tag.input.item import Item
from runtime.tag.output.journal import Cursor, Journal, Saved, Work
from runtime.tag.output.packer import packer_for, write_all

_BLOCK = 1 << 20


class Whole:
    """The file as a Sink.

    Args:
        path: path of the file, links followed.
        name: the same as the user gave it, for messages.
        work, resume, seconds: see runtime.tag.output.sink.open_sink.

    Raises:
        StorageError: another process is writing the file, or the output is shorter than its journal says.
        UsageError: see Journal.load.
    """

    def __init__(self, path: Path, name: str, work: Work, *, resume: bool, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._partial = path.with_name(path.name + ".partial")
        self._journal = Journal(path.with_name(path.name + ".journal"))
        self.partial = name + ".partial"
        self._packer = packer_for(name)
        self._descriptor, self._size, self._last = -1, 0, 0.0
        self._written = hashlib.sha256()
        # Whether output, cursor and figures belong together: an interrupt can come between their changes, and such a
        # state must not be saved. False also before the first write, when there is nothing new to save.
        self._consistent = False
        self._check_ours()
        saved = self._journal.load(work) if resume else None
        if saved and saved.complete and not self._partial.exists():
            saved = self._after_renaming(saved)
        self.saved = saved or Saved()
        self._cursor = Cursor(self.saved)
        self._figures: dict[str, Any] = {"left_out": self.saved.left_out, "score": self.saved.score}
        if not self.saved.complete:
            self._open(work, anew=saved is None)
        elif self._partial.exists():
            self._check_written()

    def _check_ours(self) -> None:
        """Refuse to write over what somebody else has put beside the output under these names.

        Raises:
            StorageError: a file is there that no run has left.
        """
        self._journal.check_ours()
        journal = self._journal.path.exists()
        if self._partial.is_symlink() or (self._partial.exists() and self._partial.stat().st_size and not journal):
            problem = "it is there and is no unfinished output, which gets that name"
            raise StorageError(self.partial, problem, "move it elsewhere, or choose another output")

    def _after_renaming(self, saved: Saved) -> Saved | None:
        """The state of a run that was killed after the file got its name and before the journal was removed."""
        there = self._path.exists() and _begins_as_written(self._path, saved, hashlib.sha256())
        there = there and self._path.stat().st_size == saved.output
        return saved if there else None

    def _open(self, work: Work, *, anew: bool) -> None:
        self._descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        _lock(self._descriptor, self._partial)
        if anew:
            os.ftruncate(self._descriptor, 0)  # before its journal is gone: without one, it would be somebody else's
            self._journal.begin(work)
        else:
            self._journal.trim()
            self._check_written()
        self._size = self.saved.output
        os.ftruncate(self._descriptor, self._size)
        os.lseek(self._descriptor, self._size, os.SEEK_SET)

    def _check_written(self) -> None:
        """What is kept must be what was written, as far as the journal says; nothing is appended to anything else."""
        size = self._partial.stat().st_size
        problem = ""
        if size < self.saved.output:
            problem = f"{size:,} bytes where {self._journal.path.name} says {self.saved.output:,}"
        elif not _begins_as_written(self._partial, self.saved, self._written):
            problem = f"its first {self.saved.output:,} bytes are not those that were written"
        if problem:
            raise StorageError(self.partial, problem, "start anew without --resume")

    def catch_up(self, blocks: Iterator[bytes], place: str) -> None:
        """See Sink."""
        self._cursor.catch_up(blocks, place)

    def write(self, data: bytes, items: Sequence[Item] = ()) -> None:
        """See Sink."""
        self._consistent = False
        self._put(self._packer.pack(data))
        for item in items:
            self._cursor.take(item)

    def save(self, *, left_out: int, score: dict[str, Any]) -> None:
        """See Sink."""
        self._figures = {"left_out": left_out, "score": score}
        self._consistent = True
        if time.monotonic() - self._last >= self._seconds:
            self._save()

    def stop(self, item: Item) -> bool:
        """See Sink."""
        begun = self._cursor.begun
        if begun:
            self._cursor.enter(item.source)  # only the input with the broken line may change
            self._save(stopped=True)
            self._consistent = False  # so that `close` does not save a state that lacks `stopped`
        return begun

    def finish(self) -> None:
        """See Sink."""
        if not self.saved.complete:
            self._save(complete=True)
            self._consistent = False  # so that `close` does not save a state that lacks `complete`
        self._publish()

    def close(self) -> None:
        """See Sink."""
        if self._descriptor < 0:
            return
        try:
            if not self._cursor.begun:
                self._partial.unlink(missing_ok=True)
                self._journal.path.unlink(missing_ok=True)
            elif self._consistent:
                self._save()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def _save(self, *, stopped: bool = False, complete: bool = False) -> None:
        self._consistent = False
        self._put(self._packer.end())
        at = self._cursor
        saved = Saved(
            source=at.source,
            items=at.items,
            offset=at.offset,
            line=at.line,
            width=at.width,
            document=at.document,
            sha256=at.sha256,
            finished=at.finished,
            output=self._size,
            written=self._written.hexdigest(),
            stopped=stopped,
            complete=complete,
            **self._figures,
        )
        try:
            os.fsync(self._descriptor)  # before the journal: the output that a saved state counts must be on the disk
            self._journal.save(saved)
        except OSError as error:
            raise _to_be_resumed(storage_error(error)) from error
        except StorageError as error:
            raise _to_be_resumed(error) from error
        self._last, self._consistent = time.monotonic(), True

    def _put(self, data: bytes) -> None:
        try:
            write_all(self._descriptor, data, self.partial)
        except StorageError as error:
            raise _to_be_resumed(error) from error
        self._written.update(data)
        self._size += len(data)

    def _publish(self) -> None:
        try:
            if not self.saved.complete or self._partial.exists():
                self._partial.replace(self._path)
            self._journal.path.unlink()
        except OSError as error:
            raise storage_error(error) from error
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _to_be_resumed(error: StorageError) -> StorageError:
    """The error with the fix that loses nothing: what is written needs no second run."""
    fix = f"{error.fix} with --resume, which goes on from what is written"
    return StorageError(error.subject, error.problem, fix)


def _begins_as_written(path: Path, saved: Saved, digest: Any) -> bool:
    """Whether a file's first bytes are the output that was saved; the digest goes past them."""
    left = saved.output
    with path.open("rb") as file:
        while left and (block := file.read(min(left, _BLOCK))):
            digest.update(block)
            left -= len(block)
    return not left and digest.hexdigest() == saved.written


def _lock(descriptor: int, path: Path) -> None:
    """Lock the file.

    Raises:
        StorageError: another process has locked it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The other process may have finished since this one opened the file. Then the file has got its final name, and
        # writing to it would spoil a complete output.
        mine = os.path.samestat(os.fstat(descriptor), path.stat())
    except (BlockingIOError, FileNotFoundError):
        mine = False
    if not mine:
        raise StorageError(str(path), "another process is writing it", "wait for that one, or choose another output")
