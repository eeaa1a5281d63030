"""Call: one request as the queue sees it: texts to answer, what was answered, and whether anyone still waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runtime.serve.batching.reading import Reading

Drop = Literal["", "deadline", "client_gone", "failed"]
"""Why a call is not answered any more; empty: it is."""


@dataclass(slots=True)
class Times:
    """Seconds that a call, or a batch, spent in each stage, added up over its batches."""

    queue: float = 0.0
    tokenize: float = 0.0
    inference: float = 0.0
    decode: float = 0.0

    def add(self, other: Times) -> None:
        """Those of one more batch, or call."""
        self.queue += other.queue
        self.tokenize += other.tokenize
        self.inference += other.inference
        self.decode += other.decode


class Call:
    """A client's request in the queue.

    Args:
        questions: texts, or texts as words; see Reading.kind.
        sizes: tokens of each, as far as they are known before tokenizing.
        reading: how they are read.
        deadline: when the answer comes too late, on time.monotonic's clock.
        waiter: whatever the owner of the batcher finds the one who waits by.

    Attributes:
        answers: one for each question, filled in as they come.
        next: the first question that is in no batch yet.
        left: questions that are not answered yet.
        dropped: see Drop.
        error: what failed, where something did.
        tokens: what it came to, once tokenized.
        waiting: tokens of its questions that are in no batch yet.
        offered: when it entered the queue.
        times: what it took.
    """

    __slots__ = (
        "_lock",
        "answers",
        "deadline",
        "dropped",
        "error",
        "left",
        "next",
        "offered",
        "questions",
        "reading",
        "size",
        "sizes",
        "small",
        "started",
        "times",
        "tokens",
        "waiter",
        "waiting",
    )

    def __init__(
        self,
        questions: Sequence[Any],
        sizes: Sequence[int],
        reading: Reading,
        *,
        deadline: float,
        waiter: Any = None,
    ) -> None:
        self.questions, self.sizes, self.reading = questions, sizes, reading
        self.deadline, self.waiter = deadline, waiter
        self.size = self.waiting = sum(sizes)
        self.small = False
        self.answers: list[Any] = [None] * len(questions)
        self.next, self.left, self.tokens = 0, len(questions), 0
        self.dropped: Drop = ""
        self.error: BaseException | None = None
        self.offered, self.started = time.monotonic(), 0.0
        self.times = Times()
        self._lock = threading.Lock()

    def drop(self, why: Drop) -> None:
        """Nobody waits for it any more: what is in no batch yet will be in none."""
        self.dropped = self.dropped or why

    def fail(self, error: BaseException) -> bool:
        """It cannot be answered; whether this is news."""
        with self._lock:
            first, self.error = self.error is None and self.left > 0, self.error or error
            self.dropped = self.dropped or "failed"
        return first

    def answer(self, first: int, answers: Sequence[Any]) -> bool:
        """Fill in the answers from the question `first` on; whether these were the last."""
        with self._lock:
            self.answers[first : first + len(answers)] = answers
            self.left -= len(answers)
            return self.left == 0 and self.error is None


@dataclass(frozen=True, slots=True)
class Piece:
    """Questions of one call that share a batch: from `first` to one before `end`."""

    call: Call
    first: int
    end: int
    size: int

    @property
    def questions(self) -> Sequence[Any]:
        """The questions themselves."""
        return self.call.questions[self.first : self.end]
