"""The journal of a run: how far it has come, so that a killed run can go on. Each line is a JSON object.

    {"journal": 1, "options": {...}, "inputs": [[name, bytes], ...]}    the first line: the work
    {"source": 0, "offset": bytes, ..., "output": bytes, ...}           each further line: a saved state

Each has a digest of itself, so that no figure in it can be another than the one that was written. The last complete
line counts. A process that is killed while it writes a line leaves a part of it, which is not read.
The module does not know the content of inputs and output.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runtime.errors import StorageError, UsageError
from runtime.system.files import write_atomically
from runtime.tag.input.item import Item
from runtime.tag.output.packer import write_all

VERSION = 4
_MARK = b'{"journal": '
# Notes after which a journal is written anew with the last one alone, so that it stays small however long a run takes.
MOST_NOTES = 500
_ANEW = "give the same inputs and options, or start anew without --resume"


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a run. Two runs with the same Work write the same bytes.

    Attributes:
        options: name -> value, as text, of every option that can change the output.
        inputs: name and number of bytes of each input; 0 where the size is unknown.
    """

    options: dict[str, str]
    inputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved state: a run can go on from it.

    Attributes:
        source: number of the current input, from 0.
        items: number of its items that are done. An empty text is an item, too, of no bytes.
        offset: number of its bytes that are done, after unpacking.
        line: number of its next line.
        width: number of columns of its lines (only CoNLL).
        document: the document that its last item is a part of.
        sha256: digest of its bytes that are done.
        finished: of each input before it: how many bytes were read, and their digest.
        output: number of bytes of the output that belong to what is done.
        written: digest of these bytes.
        left_out: number of broken items so far.
        score: counts of the scorer.
        stopped: whether the run stopped at a broken line. The user will fix it, so the input's size may change.
        complete: whether everything is done, except that the output has not got its name yet.
    """

    source: int = 0
    items: int = 0
    offset: int = 0
    line: int = 1
    width: int = 0
    document: str = ""
    sha256: str = ""
    finished: tuple[tuple[int, str], ...] = ()
    output: int = 0
    written: str = ""
    left_out: int = 0
    score: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    complete: bool = False


class Cursor:
    """The position of a run in its inputs.

    Args:
        saved: the state that the run begins with. `catch_up` checks its sha256.
    """

    def __init__(self, saved: Saved) -> None:
        self.source, self.offset, self.line, self.width = saved.source, saved.offset, saved.line, saved.width
        self.items, self.finished, self.document = saved.items, saved.finished, saved.document
        self._expected = saved.sha256
        self._digest = hashlib.sha256()

    @property
    def begun(self) -> bool:
        """Whether at least one item is done."""
        return bool(self.source or self.items)

    @property
    def sha256(self) -> str:
        """Digest of the current input's bytes up to `offset`."""
        return self._digest.hexdigest()

    def take(self, item: Item) -> None:
        """Move past an item."""
        self.enter(item.source)
        self.items += 1
        self.offset += len(item.raw)
        self.line += item.raw.count(b"\n")
        self.width = item.width or self.width
        self.document = item.document
        self._digest.update(item.raw)

    def enter(self, source: int) -> None:
        """Move to the beginning of an input, where an earlier one is the current."""
        while self.source < source:
            self.finished += ((self.offset, self.sha256),)
            self.source, self.items, self.offset, self.line, self.width = self.source + 1, 0, 0, 1, 0
            self.document = ""
            self._digest = hashlib.sha256()

    def catch_up(self, blocks: Iterator[bytes], place: str) -> None:
        """Read the bytes that an earlier run has done, and check that they are the same.

        Args:
            blocks: these bytes, in blocks.
            place: name of the input, for messages.

        Raises:
            UsageError: the bytes have changed.
        """
        for block in blocks:
            self._digest.update(block)
        if self.sha256 != self._expected:
            raise UsageError(place, f"it changed before line {self.line}, up to where the output reaches", _ANEW)


def check_finished(blocks: Iterator[bytes], finished: tuple[int, str], place: str) -> None:
    """Check that an input that is done still has the bytes that were read, and no more.

    Args:
        blocks: its bytes up to one behind those that were read, in blocks: who reads no further than these does not
            see that more follows, or that an array or an archive no longer ends.
        finished: number of the bytes that were read, and their sha256.
        place: name of the input, for messages.

    Raises:
        UsageError: the bytes have changed.
    """
    digest, size = hashlib.sha256(), 0
    for block in blocks:
        digest.update(block)
        size += len(block)
    if (size, digest.hexdigest()) != finished:
        raise UsageError(place, "it changed since it was tagged", _ANEW)


def check_end(blocks: Iterator[bytes], place: str) -> None:
    """Check that nothing follows in an input that is done.

    Raises:
        UsageError: something does.
    """
    check_finished(blocks, (0, hashlib.sha256().hexdigest()), place)


class Journal:
    """The file of a journal.

    Args:
        path: its path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._notes = 0

    def check_ours(self) -> None:
        """Refuse a file that is no journal: it would be removed, and is somebody else's.

        Raises:
            StorageError: it is there, and is none.
        """
        if os.path.lexists(self.path) and not self._is_ours():
            problem = "it is there and is no journal of an unfinished output, which gets that name"
            raise StorageError(str(self.path), problem, "move it elsewhere, or choose another output")

    def _is_ours(self) -> bool:
        if self.path.is_symlink() or not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            head = file.read(len(_MARK))
        # A process that was killed while it began one has left nothing, or a part of the first line.
        return head == _MARK[: len(head)]

    def begin(self, work: Work) -> None:
        """Begin a new journal with its first line, in place of an old one."""
        self.path.unlink(missing_ok=True)
        self._append({"journal": VERSION, **asdict(work)})

    def save(self, saved: Saved) -> None:
        """Add a saved state. The output that belongs to it must already be on the disk."""
        self._notes += 1
        if self._notes > MOST_NOTES:
            write_atomically(self.path, self._lines()[0] + _line(asdict(saved)))
            self._notes = 1
        else:
            self._append(asdict(saved))

    def load(self, work: Work) -> Saved | None:
        """The last saved state; None where no state was saved, and the run begins at the beginning.

        Raises:
            UsageError: the journal is of other work: other options or other inputs.
            StorageError: the file is not a journal of this version.
        """
        lines = self._lines()
        if len(lines) < 2:
            return None
        try:
            was, last = _entry(lines[0]), _entry(lines[-1])
            if was["journal"] != VERSION:
                raise ValueError(f"version {was['journal']}")
            finished = tuple((int(size), str(digest)) for size, digest in last["finished"])
            saved = Saved(**{**last, "finished": finished})
            before = Work(was["options"], tuple((name, size) for name, size in was["inputs"]))
            _compare(before, work, saved, str(self.path))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            problem = f"damaged, or not of this version of Nerve ({error})"
            raise StorageError(str(self.path), problem, "start anew without --resume") from error
        return saved

    def trim(self) -> None:
        """Go on with an earlier run's journal, without its last line where that is incomplete.

        The next line would otherwise be joined to it.
        """
        lines = self._lines()
        os.truncate(self.path, sum(map(len, lines)))
        self._notes = len(lines) - 1

    def _lines(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                return [line for line in file if line.endswith(b"\n")]
        except FileNotFoundError:
            return []

    def _append(self, entry: dict[str, Any]) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            write_all(descriptor, _line(entry), str(self.path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps({**entry, "digest": _digest(entry)}).encode() + b"\n"


def _entry(line: bytes) -> dict[str, Any]:
    """The content of a line; ValueError where it is not what was written."""
    entry: dict[str, Any] = json.loads(line)
    if entry.pop("digest", "") != _digest(entry):
        raise ValueError("a line does not match its digest")
    return entry


def _digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry).encode()).hexdigest()


def _compare(was: Work, now: Work, saved: Saved, place: str) -> None:
    if _names(was.inputs) != _names(now.inputs):
        raise UsageError(place, f"the inputs changed (they were {', '.join(_names(was.inputs))})", _ANEW)
    names = sorted(name for name in was.options | now.options if was.options.get(name) != now.options.get(name))
    if names:
        changes = ", ".join(f"{name} was {was.options.get(name)}, is {now.options.get(name)}" for name in names)
        raise UsageError(place, f"the options changed ({changes})", _ANEW)
    # After a stop at a broken line, only the inputs before it must be the same: the user was asked to fix that line.
    checked = saved.source if saved.stopped else len(was.inputs)
    for (name, before), (_, size) in zip(was.inputs[:checked], now.inputs):
        if before != size:
            raise UsageError(name, f"it had {before:,} bytes, now it has {size:,}", _ANEW)


def _names(inputs: Sequence[tuple[str, int]]) -> list[str]:
    return [name for name, _ in inputs]
