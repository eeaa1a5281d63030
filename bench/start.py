"""python -m bench start BUNDLE: from starting a process to its first answer, and what the self-check takes of that.

    python -m bench start BUNDLE --output bench/results/NAME-start.json
    python -m bench start --write bench/results/NAME-start.json

Each start is a process of `python -m runtime.tag` with one text. Starts with and without the self-check stand in pairs,
for only neighbors see the same machine, and each goes first in every second pair: the second with uncertified
candidates allowed, which verifies, copies and loads the same. What the start waits for the self-check is the median of
the differences. A bound is held or missed only where the 95% interval of the median leaves no doubt. The machine's load
is kept, too: with other work beside it, no bound says anything. In turn with them the least process with the same
library is started (bench.measure.bare_start), whose steps a second table has: a command can hardly take less CPU time.
--write puts the tables into docs/reliability.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure.bare_start import LIBRARIES, STEPS, BareStart, bare_start
from bench.measure.intervals import Middle, median_of
from bench.measure.machine import machine_facts
from bench.report.marks import add_files, only_writes, source_of
from bench.report.tables import NONE, Table
from runtime.backends.openvino_cpu import hint_of
from runtime.bundle.certificate import Candidate
from runtime.bundle.store import TOKENIZER, Bundle, open_bundle
from runtime.command_line import Parser, count, run
from runtime.errors import BackendError
from runtime.opening import checked_model, open_model
from runtime.selection import obstacle_of, refusal_of
from runtime.system.files import write_atomically

PROG = "python -m bench start"
MARKS = "<!-- bench-start:begin -->", "<!-- bench-start:end -->"
TEXT = "Maria Keller flew from Lisbon to Oslo."
# Seconds of a start with ONNX Runtime, and milliseconds that the self-check may take of any.
_START, _CHECK = 0.45, 10.0
_WARM = 20
_PAGE = Path("docs/reliability.md")


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound, what it is of, and what was measured."""

    name: str
    figure: Middle
    most: float

    def __str__(self) -> str:
        return f"{self.verdict}: {self.name}: {_told(self.figure, 2)}, at most {self.most:g}"

    @property
    def verdict(self) -> str:
        """See Middle.verdict."""
        return self.figure.verdict(self.most)


@dataclass(frozen=True, slots=True)
class Started:
    """Starts of one candidate.

    Attributes:
        candidate: whose.
        seconds, cpu_seconds: from the start of the process to its end, and the CPU time of all its threads.
        unchecked, cpu_unchecked: the same without the self-check, of the neighbor.
        again_ms: milliseconds of the self-check once the candidate has answered; the first takes memory besides.
        bare: starts of the least process, in turn with these; none where bench.measure.bare_start has no such library.
    """

    candidate: str
    seconds: list[float]
    cpu_seconds: list[float]
    unchecked: list[float]
    cpu_unchecked: list[float]
    again_ms: float
    bare: list[BareStart] = field(default_factory=list)

    @property
    def check_ms(self) -> Middle:
        """Milliseconds that a start waits for the self-check."""
        return _difference_ms(self.seconds, self.unchecked)

    @property
    def check_cpu_ms(self) -> Middle:
        """Milliseconds of CPU time that it takes, which other work of the machine changes less."""
        return _difference_ms(self.cpu_seconds, self.cpu_unchecked)

    @property
    def start(self) -> Bound | None:
        """The bound of a whole start, which is ONNX Runtime's alone."""
        if " on onnxruntime " not in self.candidate:
            return None
        return Bound(f"seconds of a start, {self.candidate}", median_of(self.seconds), _START)

    @property
    def check(self) -> Bound:
        """The bound of the self-check."""
        return Bound(f"ms of it that the self-check takes, {self.candidate}", self.check_ms, _CHECK)


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table and the bounds, and write the JSON; or write the page from what was measured.

    Returns:
        1 if --strict is given and a bound is not shown to be held, else 0.
    """
    options = _parser().parse_args(arguments)
    if only_writes(options, _PAGE, block, MARKS, needs=("BUNDLE",)):
        return 0
    machine, bundle = machine_facts(), open_bundle(options.bundle)
    able = [one.candidate for one in bundle.manifest.certificates if _runs_here(bundle, one.candidate)]
    found = [measured(bundle, one, starts=options.starts) for one in able]
    result = {
        "what": "start",
        "machine": machine,
        "load_after": list(os.getloadavg()),
        "pairs": options.starts,
        "starts": [asdict(one) for one in found],
    }
    write_atomically(options.output, (json.dumps(result, indent=1) + "\n").encode())
    bounds = [bound for one in found for bound in (one.start, one.check) if bound]
    print(table(result).text(), bare_table(result).text(), *bounds, _load(result), sep="\n")
    print(json.dumps({"starts": len(found), "output": str(options.output)}))
    return int(options.strict and any(bound.verdict != "held" for bound in bounds))


def measured(bundle: Bundle, candidate: Candidate, *, starts: int) -> Started:
    """Start the candidate so many times with the self-check, in turn with as many without.

    Raises:
        BackendError: a process fails; the message has its last line.
    """
    _start(bundle, candidate)  # what it compiles is kept, and its files are in the kernel's memory from now on
    with tempfile.TemporaryDirectory(prefix="nerve-start-") as cache:
        _bare(bundle, candidate, Path(cache))
        checked, unchecked, bare = zip(*_turns(bundle, candidate, starts, Path(cache)), strict=True)
    (seconds, cpu), (others, others_cpu) = (
        tuple([each[index] for each in side] for index in (0, 1)) for side in (checked, unchecked)
    )
    again = 1000 * _again(bundle, candidate)
    return Started(str(candidate), seconds, cpu, others, others_cpu, again, [one for each in bare for one in each])


def _turns(
    bundle: Bundle, candidate: Candidate, starts: int, cache: Path
) -> Iterator[tuple[tuple[float, float], tuple[float, float], list[BareStart]]]:
    """One start with the self-check, one without, and the least one, as often as asked.

    The start without goes before the one with it in every second turn.
    """
    for turn in range(starts):
        order = [(), ("--allow-uncertified",)][:: -1 if turn % 2 else 1]
        checked, unchecked = [_start(bundle, candidate, *more) for more in order][:: -1 if turn % 2 else 1]
        yield checked, unchecked, _bare(bundle, candidate, cache)


def _bare(bundle: Bundle, candidate: Candidate, cache: Path) -> list[BareStart]:
    """The least process with the candidate's library and graph; none where there is no such process."""
    if candidate.backend not in LIBRARIES:
        return []
    graph, tokenizer = bundle.path / candidate.file, bundle.path / TOKENIZER
    hint = hint_of(candidate.precision, rest_in_bf16="bf16" in bundle.certificate(candidate).cpu_requirements)
    return [bare_start(candidate.backend, graph, tokenizer, text=TEXT, cache=cache, hint=hint)]


def table(result: Mapping[str, Any]) -> Table:
    """A row for each candidate."""
    header = (
        *("start", "s", f"at most {_START:g} s", "fastest", "CPU s", "self-check, ms", f"at most {_CHECK:g} ms"),
        *("its CPU time, ms", "when warm, ms", "libraries alone, s", "their CPU s"),
    )
    return Table(header, tuple(_row(one) for one in _started(result)))


def bare_table(result: Mapping[str, Any]) -> Table:
    """The steps of the least process of each candidate, in milliseconds."""
    rows = [
        (one.candidate, *(f"{1000 * median(each.steps[step] for each in one.bare):.1f}" for step in STEPS))
        for one in _started(result)
        if one.bare
    ]
    return Table(("libraries alone, ms", *STEPS), tuple(rows))


def _started(result: Mapping[str, Any]) -> list[Started]:
    """The starts of a result; one that was measured before there was a least process has none of these."""
    return [
        Started(**{**each, "bare": [BareStart(**one) for one in each.get("bare", ())]}) for each in result["starts"]
    ]


def _row(one: Started) -> tuple[str, ...]:
    return (
        one.candidate,
        _told(median_of(one.seconds), 3),
        one.start.verdict if one.start else NONE,
        f"{min(one.seconds):.3f}",
        f"{median(one.cpu_seconds):.3f}",
        _told(one.check_ms, 1),
        one.check.verdict,
        _told(one.check_cpu_ms, 1),
        f"{one.again_ms:.1f}",
        _told(median_of([each.seconds for each in one.bare]), 3) if one.bare else NONE,
        f"{median(each.cpu_seconds for each in one.bare):.3f}" if one.bare else NONE,
    )


def block(result: Mapping[str, Any], path: Path) -> str:
    """What stands between the marks of the page."""
    machine = result["machine"]
    caption = (
        f"Medians, in square brackets their 95% intervals. {machine['cpu']}, {machine['cores_usable']} CPUs, "
        f"{result['pairs']} pairs of starts; {_load(result)}; "
        f"{source_of(machine, PROG, path)}"
    )
    shown = [table(result), bare_table(result)]
    return "\n\n".join([*(each.markdown() for each in shown if each.rows), caption]) + "\n"


def _load(result: Mapping[str, Any]) -> str:
    before, after = (
        each[0] if each else float("nan") for each in (result["machine"]["load_average"], result["load_after"])
    )
    return f"load: {before:.2f} before, {after:.2f} after"


def _told(figure: Middle, digits: int) -> str:
    return f"{figure.value:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def _difference_ms(checked: Sequence[float], unchecked: Sequence[float]) -> Middle:
    # Of neighbors: what changes on the machine in the meantime is in both of them.
    return median_of([1000 * (one - other) for one, other in zip(checked, unchecked, strict=True)])


def _runs_here(bundle: Bundle, candidate: Candidate) -> bool:
    return not obstacle_of(bundle, candidate) and not refusal_of(bundle, candidate)


def _start(bundle: Bundle, candidate: Candidate, *more: str) -> tuple[float, float]:
    """Seconds of one start, and its CPU time."""
    which = ("--backend", candidate.backend, "--precision", candidate.precision, "--file", candidate.file)
    command = [sys.executable, "-m", "runtime.tag", "--bundle", str(bundle.path), *which, *more, TEXT]
    # A start by default: where this is set, Python compiles all modules anew, which takes longer than all else here.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
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
    parser.add_argument("bundle", type=Path, nargs="?", help="what export made")
    parser.add_argument("--starts", type=count, default=15, help="of each candidate, with and without (%(default)s)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 unless every bound is shown to be held")
    add_files(parser, "start")
    return parser


if __name__ == "__main__":
    run(main, PROG)
