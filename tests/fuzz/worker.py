"""A forked worker: cases run in a process of their own, so that a crash or a hang is the case's and not the campaign's.

Worker and campaign share a few numbers in memory, which stay readable however the worker ends.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.kind import Kind, WrongAnswerError, chance_of, outcome_of

# Address space of a worker: what a small file makes larger than that is a finding.
_MOST_MEMORY = 8 << 30
_FIELDS = ("done", "began_ns", "cpu_ns", "refused", "right", "wrong", "traceback")


@dataclass(slots=True)
class Counts:
    """What came of cases so far, and the CPU time that they took, which other work on the machine does not change."""

    done: int = 0
    refused: int = 0
    right: int = 0
    wrong: int = 0
    traceback: int = 0
    crash: int = 0
    hang: int = 0
    cpu_seconds: float = 0.0

    @property
    def findings(self) -> int:
        """Cases that are neither refused nor right."""
        return self.wrong + self.traceback + self.crash + self.hang


class Worker:
    """A process that runs cases of one kind, beginning with a number.

    Args:
        kind: of the cases.
        seed: of the campaign.
        first: number of the first case.
        most: cases.
        seconds: after which it stops between two cases.
        findings: a file that findings are appended to, a JSON object a line.
    """

    def __init__(self, kind: Kind, *, seed: int, first: int, most: int, seconds: float, findings: Path) -> None:
        self.kind, self.first = kind, first
        self._seed, self._most, self._seconds, self._findings = seed, most, seconds, findings
        self._board = mmap.mmap(-1, 8 * len(_FIELDS))
        self._folder = Path(tempfile.mkdtemp(prefix="nerve-fuzz-", dir=_memory()))
        self.process = os.fork()
        if self.process == 0:
            self._run_and_exit()

    def hangs(self, limit: float) -> bool:
        """Whether its case has run for longer than that many seconds."""
        began = self._get("began_ns")
        return bool(began) and time.monotonic_ns() - began > limit * 1e9

    def kill(self) -> None:
        """End it, and what it may have started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)  # where it has no group of its own yet

    def ended(self, *, block: bool = False) -> int | None:
        """The status that the process ended with, as os.waitpid gives it; None while it runs."""
        process, status = os.waitpid(self.process, 0 if block else os.WNOHANG)
        return status if process else None

    def counts(self) -> Counts:
        """What came of its cases."""
        told = {name: self._get(name) for name in ("done", "refused", "right", "wrong", "traceback")}
        return Counts(**told, cpu_seconds=self._get("cpu_ns") / 1e9)

    def clean(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._board.close()

    def record(self, number: int, outcome: str, told: str) -> None:
        """Append a finding; the campaign does so for a worker that could not."""
        line = {"kind": self.kind.name, "seed": self._seed, "case": number, "outcome": outcome, "told": told}
        with self._findings.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _run_and_exit(self) -> None:
        status = 1
        try:
            os.setsid()
            _quiet()
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
            self._run()
            status = 0
        except BaseException:
            self.record(self.first, "traceback", f"not a case, but the kind itself: {traceback.format_exc()}")
        finally:
            os._exit(status)

    def _run(self) -> None:
        case = self.kind.open(self._folder)
        end = time.monotonic() + self._seconds
        for number in range(self.first, self.first + self._most):
            self._set("began_ns", time.monotonic_ns())
            try:
                outcome: str = outcome_of(case, chance_of(self._seed, self.kind.name, number))
            except BaseException as error:  # whatever it is, it is a finding
                outcome = "wrong" if isinstance(error, WrongAnswerError) else "traceback"
                self.record(number, outcome, traceback.format_exc()[-3_000:])
            self._set(outcome, self._get(outcome) + 1)
            self._set("done", number + 1 - self.first)
            self._set("cpu_ns", _cpu_ns())
            if time.monotonic() > end:
                break
        self._set("began_ns", 0)

    def _get(self, name: str) -> int:
        return int(struct.unpack_from("q", self._board, 8 * _FIELDS.index(name))[0])

    def _set(self, name: str, value: int) -> None:
        struct.pack_into("q", self._board, 8 * _FIELDS.index(name), value)


def _cpu_ns() -> int:
    """CPU time of this process and of those that it has waited for."""
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + int(1e9 * (others.ru_utime + others.ru_stime))


def _memory() -> str | None:
    """A folder in memory where there is one: cases write small files, and need no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _quiet() -> None:
    """What engines and commands print is nobody's to read."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.stdout = sys.stderr = open(nowhere, "w", closefd=False)  # noqa: SIM115  # the process ends without closing it
