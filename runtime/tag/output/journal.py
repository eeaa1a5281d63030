"""How far a run has come, so that one that was killed can go on: a line of JSON for each moment that is safe.

    {"journal": 1, "options": {...}, "inputs": [[name, bytes], ...]}          what is being done, once
    {"cursor": {...}, "output": bytes, ...}                                   up to here it is done, again and again

The last whole line counts: a process killed while it writes one leaves half a line, which is not read.
It knows nothing of what is in the inputs and the output.
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
from runtime.tag.input.item import Item

VERSION = 1
_ANEW = "give the same inputs and options, or start anew without --resume"


@dataclass(frozen=True, slots=True)
class Work:
    """What a run does; two runs that are equal in this write the same bytes.

    Attributes:
        options: every option that the output depends on, by name, as text.
        inputs: (name, bytes) of each; 0 bytes where the size cannot be known.
    """

    options: dict[str, str]
    inputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """A moment that a run can go on from.

    Attributes:
        source: which input, from 0.
        offset: bytes of it that are done, after unpacking.
        line: number of the next line.
        width: columns of its lines (CoNLL alone).
        sha256: of the bytes done.
        output: bytes of the output.
        left_out: broken items so far.
        score: what the scorer has counted.
        stopped: it stopped at a broken line, which the user will mend: the input's size may change.
        complete: nothing is left but to give the output its name.
    """

    source: int = 0
    offset: int = 0
    line: int = 1
    width: int = 0
    sha256: str = ""
    output: int = 0
    left_out: int = 0
    score: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    complete: bool = False


class Cursor:
    """Where a run is in its inputs.

    Args:
        saved: where to begin; its sha256 is checked by `catch_up`.
    """

    def __init__(self, saved: Saved) -> None:
        self.source, self.offset, self.line, self.width = saved.source, saved.offset, saved.line, saved.width
        self._expected = saved.sha256
        self._digest = hashlib.sha256()

    @property
    def begun(self) -> bool:
        """Whether anything of the inputs is done."""
        return bool(self.source or self.offset)

    @property
    def sha256(self) -> str:
        """Of the current input's bytes up to `offset`."""
        return self._digest.hexdigest()

    def take(self, item: Item) -> None:
        """Go past an item."""
        if item.source != self.source:
            self.source, self.offset, self.line, self.width = item.source, 0, 1, 0
            self._digest = hashlib.sha256()
        self.offset += len(item.raw)
        self.line += item.raw.count(b"\n")
        self.width = item.width or self.width
        self._digest.update(item.raw)

    def catch_up(self, blocks: Iterator[bytes], place: str) -> None:
        """Read past what is done, which must be what it was.

        Raises:
            UsageError: it is not.
        """
        for block in blocks:
            self._digest.update(block)
        if self.sha256 != self._expected:
            raise UsageError(place, f"it changed before line {self.line}, up to where the output reaches", _ANEW)


class Journal:
    """The file itself.

    Args:
        path: of the journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, work: Work) -> None:
        """Start anew."""
        self.path.unlink(missing_ok=True)
        self._append({"journal": VERSION, **asdict(work)})

    def save(self, saved: Saved) -> None:
        """Note a moment. The output up to it must be on the disk."""
        self._append(asdict(saved))

    def load(self, work: Work) -> Saved | None:
        """The last moment noted; None where there is none, and the run begins at the beginning.

        Raises:
            UsageError: another work was being done, or with other inputs.
            StorageError: the file is no journal.
        """
        lines = self._lines()
        if len(lines) < 2:
            return None
        try:
            was, saved = json.loads(lines[0]), Saved(**json.loads(lines[-1]))
            before = Work(was["options"], tuple((name, size) for name, size in was["inputs"]))
            if was["journal"] != VERSION:
                raise ValueError(f"version {was['journal']}")
        except (ValueError, TypeError, KeyError) as error:
            problem = f"not a journal of this version of Nerve ({error})"
            raise StorageError(str(self.path), problem, "start anew without --resume") from error
        _compare(before, work, saved, str(self.path))
        return saved

    def trim(self) -> None:
        """Cut off half a line at the end, which would spoil the next one."""
        os.truncate(self.path, sum(map(len, self._lines())))

    def _lines(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                return [line for line in file if line.endswith(b"\n")]
        except FileNotFoundError:
            return []

    def _append(self, entry: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _compare(was: Work, now: Work, saved: Saved, place: str) -> None:
    if _names(was.inputs) != _names(now.inputs):
        raise UsageError(place, f"the inputs changed (they were {', '.join(_names(was.inputs))})", _ANEW)
    names = sorted(name for name in was.options | now.options if was.options.get(name) != now.options.get(name))
    if names:
        changes = ", ".join(f"{name} was {was.options.get(name)}, is {now.options.get(name)}" for name in names)
        raise UsageError(place, f"the options changed ({changes})", _ANEW)
    # Past a broken line that stopped the run, mending is what the user was asked for.
    checked = saved.source if saved.stopped else len(was.inputs)
    for (name, before), (_, size) in zip(was.inputs[:checked], now.inputs):
        if before != size:
            raise UsageError(name, f"it had {before:,} bytes, now it has {size:,}", _ANEW)


def _names(inputs: Sequence[tuple[str, int]]) -> list[str]:
    return [name for name, _ in inputs]
