"""A kind of case: what is changed, what is asked of the result, and what its answers are held against."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.errors import NerveError

Outcome = Literal["refused", "right"]
Case = Callable[[random.Random], None]
"""Makes one case from chance and asks it. It returns where the answer is right, and raises a NerveError where it is
refused; WrongAnswerError and every other exception are findings."""


class WrongAnswerError(AssertionError):
    """What was answered is not what the oracle says."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case.

    Attributes:
        name: on the command line and in the table.
        share: how many of 10,000 cases are of this kind.
        open: prepares what its cases share in an empty folder that is theirs, and returns the case.
    """

    name: str
    share: int
    open: Callable[[Path], Case]


def chance_of(seed: int, kind: str, number: int) -> random.Random:
    """The chance that makes a case: the three say all of it."""
    return random.Random(f"{seed} {kind} {number}")


def outcome_of(case: Case, chance: random.Random) -> Outcome:
    """The outcome of a case without a finding; a finding is raised.

    Raises:
        WrongAnswerError: a wrong answer, or a refusal of more than one line.
        BaseException: whatever else came out.
    """
    try:
        case(chance)
    except NerveError as error:
        told = str(error)
        if "\n" in told or len(told) > _LONGEST:
            raise WrongAnswerError(f"not one line that can be read: {told[:200]!r}") from error
        return "refused"
    return "right"


# A subject, a problem and a fix. A name that a user gave may be long; a dump of a file is no line.
_LONGEST = 3_000


def check(holds: bool, problem: str, *about: object) -> None:
    """Raise WrongAnswerError where something does not hold."""
    if not holds:
        raise WrongAnswerError(" ".join([problem, *(repr(each)[:300] for each in about)]))
