"""All errors that users see, in one tree.

    NerveError              the user can fix it: one line, exit status 2
    |- UsageError           the command line is not understood
    |- CheckpointError      the checkpoint is missing, damaged, or not a NER model
    |- CorpusError          a corpus line, file or data set is not readable
    |- BundleError          the bundle is missing, damaged, or made for something else
    |  '- UncertifiedError  the candidate has no passing certificate
    |- GateError            the exported model does not answer as its checkpoint does: exit status 1
    |- BackendError         the backend is unknown, not installed, or cannot run here
    |- TextError            the text is empty, too long, or not UTF-8
    '- StorageError         no permission, no space, or no such folder to write to
    BugError                a broken invariant: only Nerve's developers can fix it

Every NerveError says three things, in this order: the subject, the problem and the fix. They are three arguments of
the constructor, so that none can be forgotten. The module does not know who raises an error, or how it is printed.
"""

from __future__ import annotations

import errno
from typing import Any


class NerveError(Exception):
    """A problem that the user can fix.

    Args:
        subject: the thing that has the problem, by the name that the user gave it.
        problem: the problem, with the expected value where there is one.
        fix: what the user can do now, as an instruction or a command.
    """

    def __init__(self, subject: str, problem: str, fix: str) -> None:
        # One line: a log, a terminal and a test each read an error as a line. A library's message may hold several.
        super().__init__(_one_line(f"{subject}: {problem}; {fix}"))
        self.subject, self.problem, self.fix = subject, problem, fix

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers send errors to their parent as pickles. By default, an exception is built again from its message;
        # this constructor needs the three parts.
        return type(self), (self.subject, self.problem, self.fix)


class UsageError(NerveError):
    """The command line is not understood."""


class CheckpointError(NerveError):
    """The checkpoint is missing, damaged, or not a NER model."""


class CorpusError(NerveError):
    """A corpus line, file or data set is not readable; `subject` is file:line where the line is known."""


class BundleError(NerveError):
    """The bundle is missing, damaged, or made for something else."""


class UncertifiedError(BundleError):
    """The candidate has no passing certificate."""


class GateError(NerveError):
    """The exported model does not answer as its checkpoint does, and is not installed; commands end with status 1."""


class BackendError(NerveError):
    """The backend is unknown, not installed, or cannot run here."""


class TextError(NerveError):
    """The text is empty, too long, or not UTF-8.

    Args:
        number: number of the text, counted from 1.
        problem, fix: as in NerveError.
        place: the error's subject, such as "standard input:3"; empty: "text" and its number.
    """

    def __init__(self, number: int, problem: str, fix: str, *, place: str = "") -> None:
        super().__init__(place or f"text {number}", problem, fix)
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _text_error, (self.number, self.problem, self.fix, self.subject)


class StorageError(NerveError):
    """No permission, no space, or no such folder to write to."""


class BugError(RuntimeError):
    """A broken invariant; its message ends in "this is a bug".

    It is not a NerveError: the user cannot fix it, so a command shows the traceback, which a bug report needs.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}: this is a bug")


# A quota and a limit on the file's size stop a write as a full disk does, and have the same fix.
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def storage_error(error: OSError) -> StorageError:
    """An error of the operating system as a StorageError, with the fix that belongs to its number."""
    place = str(error.filename) if error.filename else "output"
    if error.errno in _DISK_FULL:
        return StorageError(
            place, f"no space left ({error.strerror})", "free some space, and run the same command again"
        )
    if error.errno in _NO_PERMISSION:
        return StorageError(
            place, f"no permission ({error.strerror})", "choose another place or change its permissions"
        )
    return StorageError(place, error.strerror or str(error), "check the path and try again")


def _text_error(number: int, problem: str, fix: str, place: str) -> TextError:
    return TextError(number, problem, fix, place=place)


def _one_line(text: str) -> str:
    """The text in one line that can be read: a name or a library's message may be as long as a file."""
    line = " ".join(text.split())
    # The fix stands at the end.
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} [...] {line[-_LONGEST // 4 :]}"


_LONGEST = 2_000
