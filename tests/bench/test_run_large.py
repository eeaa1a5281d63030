"""bert-large's part of a benchmark: speeds go into rows that are there, and what does not fit is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.context import Comparison
from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local
from bench.measure.rounds import MeasuredSystem
from bench.plan import QUICK
from bench.run_large import measure_large
from bench.systems.base import Failure, Spec
from bench.workloads import bert_large
from tests.bench import fakes
from tests.bench.fakes import spec
from tests.bench.test_context import a_bench, no_probe

PLAN = replace(QUICK, large_sentences=3, large_rounds=2, run_seconds=0.001)


def _local(threads: int) -> JobRunner:
    return Local(Session())


class Making(Local):
    """Makes nothing of bert-large: its folder is said to be there."""

    def call(self, job: Any, *arguments: object, timeout: float = 0.0) -> Any:
        return None if job is bert_large.make_large else super().call(job, *arguments)


def _making(threads: int) -> JobRunner:
    return Making(Session())


def _comparison(folder: Path, large: Callable[[], Sequence[Spec]], *, room: int = 0) -> Comparison:
    bench = replace(a_bench(folder), plan=PLAN, corpus=fakes.corpus(6), large=large, large_room=room, start=_making)
    systems = [MeasuredSystem(spec(name), threads=1, start=_local) for name in ("one", "other")]
    return Comparison(bench, systems, no_probe(), [])


def test_speeds_go_into_the_rows_of_the_same_names(tmp_path: Path) -> None:
    comparison = _comparison(tmp_path, lambda: [spec("one"), spec("unknown")])
    (measured,) = measure_large(comparison)
    assert (measured.name, measured.texts, measured.flops_per_token) == ("bert-large", 3, 5.0)
    assert [[one.workload for one in system.row.throughput] for system in comparison.systems] == [["bert-large"], []]
    assert comparison.notes == []


def test_what_does_not_fit_into_memory_is_a_note(tmp_path: Path) -> None:
    comparison = _comparison(tmp_path, lambda: [spec("one")], room=10**18)
    measure_large(comparison)
    assert comparison.notes[0].startswith("bert-large: one was not measured (less than")
    assert comparison.systems[0].row.throughput == []


def test_a_model_that_cannot_be_made_is_a_note(tmp_path: Path) -> None:
    def refuse() -> list[Spec]:
        raise Failure("no space")

    comparison = _comparison(tmp_path, refuse)
    assert measure_large(comparison) == []
    assert comparison.notes == ["bert-large: not measured (no space)"]


@pytest.mark.parametrize("status", ["failed", "not installed"])
def test_a_system_that_is_out_is_not_measured_again(tmp_path: Path, status: str) -> None:
    comparison = _comparison(tmp_path, lambda: [spec("one"), spec("other")])
    comparison.systems[0].fail("it crashed", status=status)
    measure_large(comparison)
    assert comparison.systems[0].row.throughput == []
    assert len(comparison.systems[1].row.throughput) == 1
