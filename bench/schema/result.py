"""A run's result: everything that was measured, as one JSON file. SCHEMA.md says the same for other programs.

Raw values stand beside what was derived from them: seconds of every turn, milliseconds of every call. No text of a
corpus, no path and no name of a machine is in it.
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
    """Answers held against gold and against the checkpoint in fp32; None where it does not apply.

    Attributes:
        precision, recall, f1: of entities against gold, 0 to 1.
        changed_per_10k: words in 10,000 whose tag is not the checkpoint's, which was given the corpus's words.
        engine_changed_per_10k: the same where the checkpoint was given the raw text, cut as the system cuts it: what
            the engine alone changed.
        engine_f1_lost: points of F1 lost against the checkpoint on that same text.
    """

    workload: str
    precision: float | None
    recall: float | None
    f1: float | None
    changed_per_10k: float | None
    engine_changed_per_10k: float | None
    engine_f1_lost: float | None


@dataclass(slots=True)
class Throughput:
    """Raw text to entities, on one workload.

    Attributes:
        setting: batch, streams, threads; chosen by the search.
        search: (batch, streams, threads, texts a second) of every setting tried.
        repeats: how often the workload was tagged in each turn.
        seconds: of each turn, in order of the rounds.
        texts_per_second, tokens_per_second: of the median turn.
        share_of_roofline: of the machine's matrix-product rate in this precision; None where that was not measured.
        to_baseline: this speed as a multiple of the baseline's.
        nerve_to_this: the speed of Nerve's fastest certified candidate as a multiple of this one.
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


@dataclass(slots=True)
class Latency:
    """One text at a time. `rounds` holds milliseconds of every call, by round; percentiles are over all of them."""

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
        saturated: the last answer came so late that the queue must have been growing.
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
    """One system. `status` is measured, not installed, or failed; `reason` says why it is not measured."""

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

    def on(self, workload: str) -> Throughput | None:
        """Its throughput on that workload."""
        return next((one for one in self.throughput if one.workload == workload), None)

    def accuracy_on(self, workload: str) -> Accuracy | None:
        """Its accuracy on that workload."""
        return next((one for one in self.accuracy if one.workload == workload), None)


@dataclass(slots=True)
class Roofline:
    """The machine's matrix-product rate in one precision: operations a second of each round's turn."""

    shape: list[int]
    library: str
    rates: list[float]
    median: float


@dataclass(slots=True)
class Measured:
    """A workload that was measured. `flops_per_token` counts the matrix products of one token (see SCHEMA.md)."""

    name: str
    sha256: str
    seed: int
    texts: int
    words: int
    tokens: int
    flops_per_token: float
    baseline: str = ""
    fastest_nerve: str = ""
    limits: dict[str, Roofline] = field(default_factory=dict)
    checkpoint: Accuracy | None = None


@dataclass(slots=True)
class Result:
    """A whole run.

    Attributes:
        made: UTC, ISO 8601.
        seconds: how long the run took.
        quick: whether it was the quick one.
        threads: that every system was given.
        method: how figures were come by, in words, for the report.
        machine: see bench.measure.machine.
        bundle, checkpoint: sha256 of the manifest and of the checkpoint, and what they say of themselves.
        notes: what a reader must know of this run.
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
    schema: int = SCHEMA

    def workload(self, name: str) -> Measured | None:
        """The workload of that name."""
        return next((one for one in self.workloads if one.name == name), None)


def write_result(path: Path, result: Result) -> None:
    """Write the JSON, whole or not at all."""
    write_atomically(path, (json.dumps(asdict(result), indent=1, allow_nan=False) + "\n").encode())


def read_result(path: Path) -> Result:
    """Read it back.

    Raises:
        BundleError: the file is missing, not such a JSON, or of another schema.
    """
    fix = "give a JSON that `python -m bench` wrote"
    try:
        value = json.loads(path.read_bytes())
        schema = value["schema"]
        if schema != SCHEMA:
            raise BundleError(str(path), f"schema {schema}, this version of Nerve reads schema {SCHEMA}", fix)
        return _made(Result, value)
    except OSError as error:
        raise BundleError(str(path), error.strerror or str(error), fix) from error
    except (ValueError, TypeError, KeyError) as error:
        raise BundleError(str(path), f"not a benchmark's result ({error!r})", fix) from error


def _made(cls: type[Made], value: dict[str, Any]) -> Made:
    """A dataclass from its JSON. Unknown keys and missing ones raise TypeError, as its constructor does."""
    hints = typing.get_type_hints(cls)
    unknown = set(value) - {one.name for one in fields(cls)}  # type: ignore[arg-type]
    if unknown:
        raise TypeError(f"unknown: {', '.join(sorted(unknown))}")
    return cls(**{name: _typed(hints[name], part) for name, part in value.items()})


def _typed(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _typed(arguments[0], value)
    if is_dataclass(hint):
        return _made(hint, value)  # type: ignore[arg-type]
    if origin is list:
        return [_typed(arguments[0], part) for part in value]
    if origin is dict:
        return {name: _typed(arguments[1], part) for name, part in value.items()}
    return value
