"""Every error is one line of subject, problem and fix, and stays what it is on its way between processes."""

from __future__ import annotations

import errno
import os
import pickle

import pytest

from runtime.errors import (
    BugError,
    BundleError,
    CorpusError,
    NerveError,
    StorageError,
    TextError,
    UncertifiedError,
    storage_error,
)


def test_an_error_is_one_line_of_subject_problem_and_fix() -> None:
    error = CorpusError("x.conll:3", "1 column\n  where 2 should be", "fix the line")
    assert str(error) == "x.conll:3: 1 column where 2 should be; fix the line"
    assert (error.subject, error.fix) == ("x.conll:3", "fix the line")


def test_a_text_is_named_by_its_place_or_its_number() -> None:
    assert str(TextError(2, "empty", "give words")) == "text 2: empty; give words"
    placed = TextError(2, "empty", "give words", place="standard input:2")
    assert (str(placed), placed.number) == ("standard input:2: empty; give words", 2)


@pytest.mark.parametrize(
    "error", [UncertifiedError("a", "b", "c"), TextError(7, "b", "c", place="x:7"), TextError(7, "b", "c")]
)
def test_an_error_survives_pickling(error: NerveError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


@pytest.mark.parametrize(
    ("number", "problem", "fix"),
    [
        (errno.ENOSPC, "no space left", "free some space"),
        (errno.EDQUOT, "no space left", "free some space"),
        (errno.EFBIG, "no space left", "free some space"),
        (errno.EROFS, "no permission", "choose another place"),
        (errno.EACCES, "no permission", "choose another place"),
        (errno.ENOTDIR, "Not a directory", "check the path"),
    ],
)
def test_errors_of_the_system_say_what_to_do(number: int, problem: str, fix: str) -> None:
    error = storage_error(OSError(number, os.strerror(number), "out/x"))
    assert isinstance(error, StorageError)
    assert error.subject == "out/x"
    assert error.problem.startswith(problem)
    assert error.fix.startswith(fix)


def test_an_error_without_a_file_is_about_the_output() -> None:
    assert storage_error(OSError(errno.ENOSPC, "No space left on device")).subject == "output"


def test_a_bug_says_so_and_is_not_the_users() -> None:
    assert str(BugError("no row")) == "no row: this is a bug"
    assert not isinstance(BugError("no row"), NerveError)


def test_a_line_can_be_read_however_long_a_name_or_a_message_is() -> None:
    told = str(BundleError("x" * 50_000, "y\n" * 50_000, "take another"))
    assert len(told) < 3_000
    assert "\n" not in told
    assert told.startswith("xxx")
    assert told.endswith("; take another")
