"""The method is told with the figures of the plan."""

from __future__ import annotations

from bench.plan import FULL, QUICK
from bench.report.method import method_of


def test_the_method_has_the_plans_figures() -> None:
    said = " ".join(method_of(FULL, threads=2))
    assert "the same 2 CPUs" in said
    assert f"{FULL.rounds} interleaved rounds" in said
    assert f"until it lasts {FULL.run_seconds:g} s" in said
    assert "with the chosen setting and nothing else" in said
    assert "the search included" in " ".join(method_of(QUICK, threads=2))
