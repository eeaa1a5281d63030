"""The errors that users see, as one tree.

    NerveError              the user can mend it: one line, exit status 2
    |- UsageError           the command line is not understood
    |- CheckpointError      the checkpoint is missing, damaged, or not a NER model
    |- CorpusError          a corpus line, file or data set is not readable
    |- BundleError          the bundle is missing, damaged, or made for something else
    |  '- UncertifiedError  the candidate asked for holds no passing certificate
    |- BackendError         the backend is unknown, not installed, or not able
    |- TextError            the text given is empty, too long, or not UTF-8
    '- StorageError         no permission, no space, no such place to write
    BugError                an invariant is broken: nobody but Nerve's developers can mend it

Every NerveError says three things, in this order: what the matter is about, what was found, what to do.
The constructor takes them apart so that none can be forgotten.
"""

from __future__ import annotations

import errno
from typing import Any


class NerveError(Exception):
    """A mistake that the user can mend.

    Args:
        what: the thing that is wrong, named as the user named it.
        found: what was found there, with the value that was expected where there is one.
        do: what to do now, as a command or an instruction.
    """

    def __init__(self, what: str, found: str, do: str) -> None:
        super().__init__(_one_line(f"{what}: {found}; {do}"))
        self.what, self.found, self.do = what, found, do

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle their args; ours holds the joined line, the constructor wants the three parts.
        return type(self), (self.what, self.found, self.do)


class UsageError(NerveError):
    """The command line is not understood."""


class CheckpointError(NerveError):
    """The checkpoint is missing, damaged, or not a NER model."""


class CorpusError(NerveError):
    """A corpus line, file or data set is not readable; `what` is file:line where there is one."""


class BundleError(NerveError):
    """The bundle is missing, damaged, or made for something else."""


class UncertifiedError(BundleError):
    """The candidate asked for holds no passing certificate."""


class BackendError(NerveError):
    """The backend is unknown, not installed, or not able."""


class TextError(NerveError):
    """The text given is empty, too long, or not UTF-8.

    Args:
        number: which text, counted from 1.
        place: how to name it, such as "standard input:3".
    """

    def __init__(self, number: int, found: str, do: str, *, place: str = "") -> None:
        super().__init__(place or f"text {number}", found, do)
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _text_error, (self.number, self.found, self.do, self.what)


class StorageError(NerveError):
    """No permission, no space, no such place to write."""


class BugError(RuntimeError):
    """A broken invariant. The message ends in "this is a bug"."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}: this is a bug")


_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def storage_error(error: OSError) -> StorageError:
    """The StorageError that says what `error`, raised by the operating system, means for the user."""
    place = str(error.filename) if error.filename else "output"
    if error.errno in _DISK_FULL:
        return StorageError(
            place, f"no space left ({error.strerror})", "free some space and run the same command again"
        )
    if error.errno in _NO_PERMISSION:
        return StorageError(
            place, f"no permission ({error.strerror})", "choose another place or change its permissions"
        )
    return StorageError(place, error.strerror or str(error), "check the path and try again")


def _text_error(number: int, found: str, do: str, place: str) -> TextError:
    return TextError(number, found, do, place=place)


def _one_line(text: str) -> str:
    return " ".join(text.split())
