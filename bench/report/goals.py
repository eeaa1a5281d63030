"""What Nerve wants to reach on an H100 with ONNX Runtime, and whether a GPU check reached it. Pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.report.tables import NONE, Table
from bench.schema.result import Result, Row

LARGE, SMALL = "bert-large", "minilm"
SENTENCE = f"{LARGE}, sentence"
"""Whose latency is a goal; see bench.gpu.steps for its name."""
MET, NOT_MET, NOT_MEASURED = "met", "not met", "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal.

    Attributes:
        name: what is wanted.
        wanted: the limit, in words.
        value: what was measured; None where it was not.
        shown: the value in words.
        met: whether that reaches the limit.
    """

    name: str
    wanted: str
    value: float | None
    shown: str
    met: bool

    @property
    def verdict(self) -> str:
        """One of MET, NOT_MET and NOT_MEASURED."""
        if self.value is None:
            return NOT_MEASURED
        return MET if self.met else NOT_MET


def goals_of(result: Result) -> list[Goal]:
    """Return the goals with what was measured; Nerve is its fastest candidate on each model."""
    fastest, single = _fastest(result, LARGE), _p50(result)
    speed = fastest.on(LARGE) if fastest else None
    share, rate = (speed.share_of_roofline, speed.texts_per_second) if speed else (None, None)
    return [
        _goal(f"{LARGE}: share of the measured matrix rate", share, ".1%", least=0.35),
        _goal(f"{LARGE}: sentences a second", rate, ",.0f", least=4500.0),
        _goal(f"{LARGE}: one sentence, p50 ms", single, ".2f", most=3.0),
        _goal(f"{LARGE}: times the pipeline in fp16 at its best batch", _times(result), ".1f", least=5.0),
        _goal(f"{SMALL}: labels changed by the backend in 10,000", _changed(result), ".1f", most=1.0),
    ]


def goals_table(result: Result) -> Table:
    """Return them as a table."""
    rows = tuple((one.name, one.wanted, one.shown, one.verdict) for one in goals_of(result))
    return Table(("goal for an H100, ONNX Runtime", "wanted", "measured", "verdict"), rows)


def _goal(name: str, value: float | None, form: str, *, least: float | None = None, most: float | None = None) -> Goal:
    limit = least if least is not None else most
    words = "at least" if least is not None else "at most"
    met = value is not None and (least is None or value >= least) and (most is None or value <= most)
    return Goal(name, f"{words} {limit:{form}}", value, NONE if value is None else f"{value:{form}}", met)


def _fastest(result: Result, model: str) -> Row | None:
    measured = result.workload(model)
    return next((row for row in result.rows if measured and row.name == measured.fastest_nerve), None)


def _p50(result: Result) -> float | None:
    """Of the candidate that answers one sentence first: which one serves is a choice of the tuner."""
    found = [one.p50 for row in result.rows if row.group == "nerve" for one in row.latency if one.texts == SENTENCE]
    return min(found, default=None)


def _times(result: Result) -> float | None:
    found = _first(result, lambda row: row.name.startswith("pipeline-fp16"))
    speed = found.on(LARGE) if found else None
    return speed.nerve_to_this.value if speed and speed.nerve_to_this else None


def _changed(result: Result) -> float | None:
    """Of the fastest candidate; where no speed says which it is, the most that any candidate changed.

    Where none was scored, their certificates on the GPU, of the same run, say it.
    """
    fastest = _fastest(result, SMALL)
    rows = [fastest] if fastest else [row for row in result.rows if row.group == "nerve"]
    scored = [right.backend_changed_per_10k for row in rows if (right := row.accuracy_on(SMALL))]
    certified = [row.certificate.get("changed_per_10k") for row in rows]
    found = [one for one in scored if one is not None] or [one for one in certified if one is not None]
    return max(found, default=None)


def _first(result: Result, wanted: Callable[[Row], bool]) -> Row | None:
    return next((row for row in result.rows if wanted(row)), None)
