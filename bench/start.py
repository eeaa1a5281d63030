"""python -m bench start BUNDLE: from starting a process to its first answer, and what the self-check takes of that.

Each start is a process of `python -m runtime.tag` with one text. Starts with and without the self-check take turns, for
only together they see the same machine: the second with uncertified candidates allowed, which verifies, copies and
loads the same. What the start waits for the self-check is the median of the differences of neighbors. The load of the
machine is printed, too: with other work beside it, no bar says anything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.one_text import Bar
from bench.report.tables import Table
from runtime.bundle.certificate import Candidate
from runtime.bundle.store import Bundle, open_bundle
from runtime.command_line import Parser, count, run
from runtime.errors import BackendError
from runtime.opening import checked_model, open_model
from runtime.selection import obstacle_of, refusal_of

PROG = "python -m bench start"
TEXT = "Maria Keller flew from Lisbon to Oslo."
# Seconds of a start with ONNX Runtime, and milliseconds that the self-check may take of any.
_START, _CHECK = 0.45, 10.0
_WARM = 20


@dataclass(frozen=True, slots=True)
class Started:
    """Starts of one candidate.

    Attributes:
        candidate: whose.
        seconds, cpu_seconds: from the start of the process to its end, and the CPU time of all its threads.
        unchecked, cpu_unchecked: the same without the self-check.
        again_ms: milliseconds of the self-check once the candidate has answered; the first takes memory besides.
    """

    candidate: str
    seconds: list[float]
    cpu_seconds: list[float]
    unchecked: list[float]
    cpu_unchecked: list[float]
    again_ms: float

    @property
    def check_ms(self) -> float:
        """Milliseconds that a start waits for the self-check."""
        return _difference_ms(self.seconds, self.unchecked)

    @property
    def check_cpu_ms(self) -> float:
        """Milliseconds of CPU time that it takes, which other work of the machine changes less."""
        return _difference_ms(self.cpu_seconds, self.cpu_unchecked)

    def bars(self) -> list[Bar]:
        """The bounds that this candidate is held to."""
        start = [Bar(f"seconds of a start, {self.candidate}", median(self.seconds), _START)]
        check = Bar(f"ms of it that the self-check takes, {self.candidate}", self.check_ms, _CHECK)
        return [*(start if " on onnxruntime " in self.candidate else []), check]


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, the bars and the load; 1 if a bar is missed and --strict is given."""
    options = _parser().parse_args(arguments)
    bundle, before = open_bundle(options.bundle), os.getloadavg()
    able = [one.candidate for one in bundle.manifest.certificates if _runs_here(bundle, one.candidate)]
    found = [measured(bundle, one, starts=options.starts) for one in able]
    bars = [bar for one in found for bar in one.bars()]
    after = os.getloadavg()
    print(table(found).text(), *bars, f"load: {before[0]:.2f} before, {after[0]:.2f} after", sep="\n")
    print(json.dumps({"load": [before[0], after[0]], "starts": [asdict(one) for one in found]}))
    return int(options.strict and any(bar.figure > bar.most for bar in bars))


def measured(bundle: Bundle, candidate: Candidate, *, starts: int) -> Started:
    """Start the candidate so many times with the self-check, in turn with as many without.

    Raises:
        BackendError: a process fails; the message has its last line.
    """
    _start(bundle, candidate)  # what it compiles is kept, and its files are in the kernel's memory from now on
    checked, unchecked = [], []
    for _ in range(starts):
        checked.append(_start(bundle, candidate))
        unchecked.append(_start(bundle, candidate, "--allow-uncertified"))
    (seconds, cpu), (others, others_cpu) = (
        tuple([pair[index] for pair in pairs] for index in (0, 1)) for pairs in (checked, unchecked)
    )
    return Started(str(candidate), seconds, cpu, others, others_cpu, 1000 * _again(bundle, candidate))


def table(found: Sequence[Started]) -> Table:
    """A row for each candidate."""
    cells = tuple(
        (one.candidate, f"{median(one.seconds):.3f}", f"{min(one.seconds):.3f}", f"{median(one.cpu_seconds):.3f}",
         f"{one.check_ms:.1f}", f"{one.check_cpu_ms:.1f}", f"{one.again_ms:.1f}")
        for one in found
    )  # fmt: skip
    return Table(("start", "s", "fastest", "CPU s", "self-check, ms", "its CPU, ms", "again, ms"), cells)


def _difference_ms(checked: Sequence[float], unchecked: Sequence[float]) -> float:
    # Of neighbors: what changes on the machine in the meantime is in both of them.
    return 1000 * median(one - other for one, other in zip(checked, unchecked, strict=True))


def _runs_here(bundle: Bundle, candidate: Candidate) -> bool:
    return not obstacle_of(bundle, candidate) and not refusal_of(bundle, candidate)


def _start(bundle: Bundle, candidate: Candidate, *more: str) -> tuple[float, float]:
    """Seconds of one start, and its CPU time."""
    which = ("--backend", candidate.backend, "--precision", candidate.precision, "--file", candidate.file)
    command = [sys.executable, "-m", "runtime.tag", "--bundle", str(bundle.path), *which, *more, TEXT]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        told = process.stderr.read() if process.stderr else ""
        # The CPU time of this very process is what waiting for it tells, and nothing else does.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BackendError(str(candidate), (told.splitlines() or ["it fails"])[-1], "see what the same command says")
    return seconds, used.ru_utime + used.ru_stime


def _again(bundle: Bundle, candidate: Candidate) -> float:
    """Seconds of a self-check of what has answered before."""
    certificate = bundle.certificate(candidate)
    model = open_model(bundle, candidate=candidate, allow_uncertified=True)
    try:
        seconds = []
        for _ in range(_WARM + 1):
            begun = time.perf_counter()
            checked_model(model, certificate, lengths=())
            seconds.append(time.perf_counter() - begun)
        return median(seconds[1:])
    finally:
        model.backend.close()


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure starts of a process, and what the self-check takes of them.")
    parser.add_argument("bundle", type=Path, help="what export made")
    parser.add_argument("--starts", type=count, default=15, help="of each candidate, with and without (%(default)s)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a bar is missed")
    return parser


if __name__ == "__main__":
    run(main, PROG)
