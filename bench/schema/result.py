"""The result of a benchmark: everything that was measured, in one JSON file. SCHEMA.md describes it for other programs.

Raw values are kept beside what is derived from them: the seconds of every run, the milliseconds of every call. The file
contains no text of a corpus, no path and no name of a machine.
"""

from __future__ import annotations

import json
import types
import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench.measure.intervals import Ratio
from runtime.errors import BundleError
from runtime.system.files import write_atomically

SCHEMA = 2
Made = TypeVar("Made")


@dataclass(slots=True)
class Accuracy:
    """Answers compared with gold and with the checkpoint in fp32; None where that does not apply.

    Attributes:
        precision, recall, f1: of entities against gold, 0 to 1.
        changed_per_10k: labels in 10,000 words that are not those of the checkpoint, given the corpus's words.
        backend_changed_per_10k: the same where the checkpoint was given the whole raw text, cut into words as the
            system cuts it. So words do not count; what the backend changed does, and what follows from sentences:
            Nerve cuts a text into them, and reads each by itself. A certificate has what the backend alone changed.
        backend_f1_lost: points of F1 lost against the checkpoint on that same text.
    """

    workload: str
    precision: float | None
    recall: float | None
    f1: float | None
    changed_per_10k: float | None
    backend_changed_per_10k: float | None
    backend_f1_lost: float | None


@dataclass(slots=True)
class Throughput:
    """The speed from raw text to entities on one workload.

    Attributes:
        setting: batch, streams, threads, chosen by the search.
        search: batch, streams, threads and texts a second of every setting tried.
        repeats: how often the workload was tagged in each run.
        seconds: of each run, in the order of the rounds.
        texts_per_second, tokens_per_second: of the median run.
        share_of_roofline: the part of the machine's matrix-multiplication rate in this precision that was reached; None
            where that rate was not measured.
        to_baseline: this speed as a multiple of the baseline's.
        nerve_to_this: the speed of Nerve's fastest candidate as a multiple of this one.
        part_texts, part_tokens: of each pass, where a slow system tagged a part of the workload; 0: all of it.
        backend_seconds: inside the backend, of a watched pass over the whole workload; None where nothing was watched.
    """

    workload: str
    setting: list[int]
    search: list[list[float]]
    repeats: int
    seconds: list[float]
    texts_per_second: float
    tokens_per_second: float
    share_of_roofline: float | None = None
    to_baseline: Ratio | None = None
    nerve_to_this: Ratio | None = None
    part_texts: int = 0
    part_tokens: int = 0
    backend_seconds: float | None = None


@dataclass(slots=True)
class Latency:
    """One text at a time. `rounds` has the milliseconds of every call, by round; percentiles are of all calls."""

    texts: str
    rounds: list[list[float]]
    p50: float
    p90: float
    p99: float


@dataclass(slots=True)
class Load:
    """Latency in an open loop with Poisson arrivals, in milliseconds from due to answered.

    Attributes:
        rate: arrivals a second.
        texts: how many arrived.
        saturated: the last answers came so late that the queue must have been growing.
    """

    rate: float
    texts: int
    p50: float
    p90: float
    p99: float
    saturated: bool


@dataclass(slots=True)
class Heat:
    """Tokens a second by words of a text (rows) and texts of a call (columns); None: too slow to measure."""

    words: list[int]
    batches: list[int]
    tokens_per_second: list[list[float | None]]


@dataclass(slots=True)
class Row:
    """One system.

    Attributes:
        status: measured, not installed or failed. reason: why it was not measured.
        incomplete: what of a measured system is not there, and why.
    """

    name: str
    title: str
    group: str
    precision: str
    status: str = "measured"
    reason: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    certificate: dict[str, float | int | None] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    disk_bytes: int = 0
    peak_bytes: int = 0
    cold_seconds: list[float] = field(default_factory=list)
    throughput: list[Throughput] = field(default_factory=list)
    accuracy: list[Accuracy] = field(default_factory=list)
    latency: list[Latency] = field(default_factory=list)
    load: list[Load] = field(default_factory=list)
    split: dict[str, float] = field(default_factory=dict)
    padding_share: float | None = None
    heat: Heat | None = None
    incomplete: list[str] = field(default_factory=list)

    def on(self, workload: str) -> Throughput | None:
        """Return its throughput on that workload."""
        return next((one for one in self.throughput if one.workload == workload), None)

    def accuracy_on(self, workload: str) -> Accuracy | None:
        """Return its accuracy on that workload."""
        return next((one for one in self.accuracy if one.workload == workload), None)


@dataclass(slots=True)
class Roofline:
    """The machine's matrix-multiplication rate in one precision: operations a second in each round, 2 for each MAC."""

    shape: list[int]
    library: str
    rates: list[float]
    median: float


@dataclass(slots=True)
class Measured:
    """A workload that was measured. `flops_per_token` counts the linear layers' operations (see SCHEMA.md).

    Attributes:
        baseline, fastest_nerve: the systems that the ratios of this workload refer to.
        checkpoint: the accuracy of the checkpoint itself, given the corpus's words.
    """

    name: str
    sha256: str
    seed: int
    texts: int
    words: int
    tokens: int
    flops_per_token: float
    baseline: str = ""
    fastest_nerve: str = ""
    rooflines: dict[str, Roofline] = field(default_factory=dict)
    checkpoint: Accuracy | None = None


@dataclass(slots=True)
class Check:
    """A step of the GPU check.

    Attributes:
        status: passed, failed, or not run.
        lines: what the step found, or why it did not run.
    """

    name: str
    status: str
    lines: list[str]
    seconds: float


@dataclass(slots=True)
class Result:
    """A whole benchmark.

    Attributes:
        made: when, in UTC, ISO 8601.
        seconds: how long it took.
        quick: whether it was the quick one.
        threads: how many every system was given.
        method: how the figures were measured, in words, for the report.
        machine: see bench.measure.machine.
        bundle, checkpoint: digests of the manifest and of the checkpoint, and facts about them.
        notes: what a reader must know of this benchmark.
        checks: the steps of the GPU check; empty for other benchmarks.
    """

    made: str
    seconds: float
    quick: bool
    threads: int
    method: list[str]
    machine: dict[str, Any]
    bundle: dict[str, Any]
    checkpoint: dict[str, Any]
    workloads: list[Measured]
    rows: list[Row]
    notes: list[str]
    checks: list[Check] = field(default_factory=list)
    schema: int = SCHEMA

    def workload(self, name: str) -> Measured | None:
        """Return the workload of that name."""
        return next((one for one in self.workloads if one.name == name), None)


def write_result(path: Path, result: Result) -> None:
    """Write the JSON, complete or not at all."""
    write_atomically(path, (json.dumps(asdict(result), indent=1, allow_nan=False) + "\n").encode())


def read_result(path: Path) -> Result:
    """Read the JSON that write_result wrote.

    Raises:
        BundleError: the file is missing, not such a JSON, or of another schema.
    """
    fix = "give a JSON that `python -m bench` wrote"
    try:
        value = json.loads(path.read_bytes())
        schema = value["schema"]
        # Read before the rest: keys of another schema would only be called unknown.
        if schema != SCHEMA:
            raise BundleError(str(path), f"schema {schema}, this version of Nerve reads schema {SCHEMA}", fix)
        return _made(Result, value)
    except OSError as error:
        raise BundleError(str(path), error.strerror or str(error), fix) from error
    except (ValueError, TypeError, KeyError) as error:
        raise BundleError(str(path), f"not a benchmark's result ({error!r})", fix) from error


def _made(cls: type[Made], value: dict[str, Any]) -> Made:
    """Make a dataclass from its JSON. Unknown and missing keys raise TypeError, as its constructor does."""
    hints = typing.get_type_hints(cls)
    # Unknown keys are refused: they are what a misspelled key looks like.
    unknown = set(value) - {one.name for one in fields(cls)}  # type: ignore[arg-type]
    if unknown:
        raise TypeError(f"unknown: {', '.join(sorted(unknown))}")
    return cls(**{name: _typed(hints[name], part) for name, part in value.items()})


def _typed(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    # The only unions in a result are "or None".
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _typed(arguments[0], value)
    if is_dataclass(hint):
        return _made(hint, value)  # type: ignore[arg-type]
    if origin is list:
        return [_typed(arguments[0], part) for part in value]
    if origin is dict:
        return {name: _typed(arguments[1], part) for name, part in value.items()}
    return value
