"""What Nerve wants to reach on an H100 with ONNX Runtime, and whether a GPU check reached it. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bench.measure.intervals import Ratio, paired_ratio
from bench.report.tables import NONE, Table
from bench.report.verdict import ratio_text
from bench.schema.result import Measured, Result, Row, Throughput

GPU = "H100"
"""The goals are for this one: another GPU's name does not contain it."""
# Nerve's candidates that the goals are for, by the names of bench.systems.nerve; TensorRT's have others.
_CANDIDATE = re.compile(r"nerve-onnxruntime-[a-z0-9]+-cuda(-|$)")
# The same in the lines of bench.gpu.jobs.certify.
_CERTIFIED = re.compile(r" on onnxruntime in fp16, cuda: .*?([0-9.]+) labels changed in 10,000")
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
        met: whether that reaches the limit; of a ratio, whether all of its interval does.
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
    """Return the goals with what was measured; Nerve is its fastest candidate on each model.

    Nothing counts as measured on another GPU, or with another backend.
    """
    result = _counting(result)
    fastest, single, times = _fastest(result, LARGE), _p50(result), _times(result)
    speed = fastest.on(LARGE) if fastest else None
    share, rate = (speed.share_of_roofline, speed.texts_per_second) if speed else (None, None)
    return [
        _goal(f"{LARGE}: share of the measured matrix rate", share, ".1%", least=0.35),
        _goal(f"{LARGE}: sentences a second", rate, ",.0f", least=4500.0),
        _goal(f"{LARGE}: one sentence, p50 ms", single, ".2f", most=3.0),
        _ratio_goal(f"{LARGE}: times the pipeline in fp16 at its best batch", times, least=5.0),
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


def _ratio_goal(name: str, ratio: Ratio | None, *, least: float) -> Goal:
    value, low = (ratio.value, ratio.low) if ratio else (None, 0.0)
    return Goal(name, f"at least {least:.1f}", value, ratio_text(ratio) if ratio else NONE, low >= least)


def _counting(result: Result) -> Result:
    """Return the result without what no goal is for."""
    gpus = result.machine.get("gpu") or [""]
    if GPU not in gpus[0]:
        return replace(result, rows=[], checks=[])
    return replace(result, rows=[row for row in result.rows if row.group != "nerve" or _CANDIDATE.match(row.name)])


def _ours(result: Result) -> list[Row]:
    return [row for row in result.rows if row.group == "nerve"]


def _fastest(result: Result, model: str) -> Row | None:
    speeds = [(speed.tokens_per_second, row) for row in _ours(result) if (speed := row.on(model))]
    return max(speeds, key=lambda one: one[0], default=(0.0, None))[1]


def _p50(result: Result) -> float | None:
    """Of the candidate that answers one sentence first: which one serves is a choice of the tuner."""
    found = [one.p50 for row in _ours(result) for one in row.latency if one.texts == SENTENCE]
    return min(found, default=None)


def _times(result: Result) -> Ratio | None:
    """Return the ratio of the speeds in the rounds of both; see bench.speed.

    The ratios in the result are of the fastest candidate of all, which may be of another backend.
    """
    measured, fastest = result.workload(LARGE), _fastest(result, LARGE)
    pipeline = next((row for row in result.rows if row.name.startswith("pipeline-fp16")), None)
    ours, theirs = (row.on(LARGE) if row else None for row in (fastest, pipeline))
    if measured is None or ours is None or theirs is None:
        return None
    both = list(zip(_rates(ours, measured), _rates(theirs, measured)))
    return paired_ratio(*zip(*both)) if both else None


def _rates(found: Throughput, measured: Measured) -> list[float]:
    """Return the tokens a second of every run."""
    return [(found.part_tokens or measured.tokens) * found.repeats / seconds for seconds in found.seconds]


def _changed(result: Result) -> float | None:
    """Of the certificate of the fastest candidate; where no speed says which it is, the most of any certificate.

    Certificates are of the same check. What was scored beside the speeds is not the backend's alone; see Accuracy.
    """
    fastest = _fastest(result, SMALL)
    rows = [fastest] if fastest else _ours(result)
    found = [changed for row in rows if (changed := row.certificate.get("changed_per_10k")) is not None]
    if not found:  # the time ended before rows of this model, and the step that certified has said it
        lines = [line for one in result.checks if one.name == "certify" for line in one.lines]
        found = [float(said[1]) for line in lines if (said := _CERTIFIED.search(line))]
    return max(found, default=None)
