"""No file that is read is written, and no two things are written into one file, whatever names and links lead there."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from runtime.errors import UsageError
from runtime.tag.input.source import STANDARD


def check_collisions(inputs: Sequence[str], output: str, score_file: Path | None, *, kept: Sequence[Path]) -> None:
    """Refuse a run that would destroy something of the user's.

    Args:
        inputs: files that are read.
        output: a file, or "-". Beside it lie its .partial and its .journal while it is written.
        score_file: a file, or None.
        kept: what the tagger is opened from: the bundle's folder, a checkpoint's, a key.

    Raises:
        UsageError: two of them are one file, or something of what is kept would be written.
    """
    written: list[tuple[str, str]] = []
    if output != STANDARD and _is_file(output):
        written = [("the output", output), *((f"the output's {end}", f"{_real(output)}.{end}") for end in _BESIDE)]
    if score_file and _is_file(str(score_file)):
        written.append(("the score", str(score_file)))
    for number, (role, name) in enumerate(written):
        others = [("an input", path) for path in inputs] + written[:number]
        for other_role, other in others:
            if _same(name, other):
                raise UsageError(other, f"it is {other_role} and {role}", "write to another file")
        for place in kept:
            if Path(_real(name)).is_relative_to(_real(str(place))):
                raise UsageError(name, f"it is {role}, and in {place}, which is read", "write to another folder")


_BESIDE = ("partial", "journal")


def _same(one: str, other: str) -> bool:
    """By what names lead to, and, where both are there, by the file itself: it can have two names."""
    if _real(one) == _real(other):
        return True
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def _is_file(name: str) -> bool:
    """Whether a file is there or would come to be; what is written to a device or a pipe destroys nothing."""
    try:
        return stat.S_ISREG(Path(name).stat().st_mode)
    except OSError:
        return True


def _real(name: str) -> str:
    return os.path.realpath(name)
