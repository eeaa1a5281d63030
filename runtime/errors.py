"""The errors that users see, as one tree.

    NerveError              the user can fix it: one line, exit status 2
    |- UsageError           the command line is not understood
    |- CheckpointError      the checkpoint is missing, damaged, or not a NER model
    |- CorpusError          a corpus line, file or data set is not readable
    |- BundleError          the bundle is missing, damaged, or made for something else
    |  '- UncertifiedError  the candidate asked for holds no passing certificate
    |- GateError            what was made does not say what its checkpoint says: exit status 1
    |- BackendError         the backend is unknown, not installed, or not able
    |- TextError            the text given is empty, too long, or not UTF-8
    '- StorageError         no permission, no space, no such place to write
    BugError                an invariant is broken: nobody but Nerve's developers can fix it

Every NerveError says three things, in this order: the subject, the problem, and the fix.
The constructor takes each one by itself, so that none can be forgotten.
"""

from __future__ import annotations

import errno
from typing import Any


class NerveError(Exception):
    """A mistake that the user can fix.

    Args:
        subject: what is wrong, named as the user named it.
        problem: what is wrong with it, with the value that was expected where there is one.
        fix: what to do now, as a command or an instruction.
    """

    def __init__(self, subject: str, problem: str, fix: str) -> None:
        super().__init__(_one_line(f"{subject}: {problem}; {fix}"))
        self.subject, self.problem, self.fix = subject, problem, fix

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle their args; ours holds the joined line, the constructor wants the three parts.
        return type(self), (self.subject, self.problem, self.fix)


class UsageError(NerveError):
    """The command line is not understood."""


class CheckpointError(NerveError):
    """The checkpoint is missing, damaged, or not a NER model."""


class CorpusError(NerveError):
    """A corpus line, file or data set is not readable; `subject` is file:line where there is one."""


class BundleError(NerveError):
    """The bundle is missing, damaged, or made for something else."""


class UncertifiedError(BundleError):
    """The candidate asked for holds no passing certificate."""


class GateError(NerveError):
    """What was made does not say what its checkpoint says, so it is not put in place; commands end with status 1."""


class BackendError(NerveError):
    """The backend is unknown, not installed, or not able."""


class TextError(NerveError):
    """The text given is empty, too long, or not UTF-8.

    Args:
        number: which text, counted from 1.
        place: how to name it, such as "standard input:3".
    """

    def __init__(self, number: int, problem: str, fix: str, *, place: str = "") -> None:
        super().__init__(place or f"text {number}", problem, fix)
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _text_error, (self.number, self.problem, self.fix, self.subject)


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


def _text_error(number: int, problem: str, fix: str, place: str) -> TextError:
    return TextError(number, problem, fix, place=place)


def _one_line(text: str) -> str:
    return " ".join(text.split())
