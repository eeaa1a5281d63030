"""The roofline's process: its part in the rounds, and none where nothing multiplies."""

from __future__ import annotations

from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local
from bench.measure.roofline import Product, Products
from bench.measure.roofline_probe import ROOFLINE, RooflineProbe, open_probe
from bench.systems.base import Setting
from tests.bench import fakes


def _local(threads: int) -> JobRunner:
    return Local(Session())


def _maker(rows: int, inner: int, columns: int) -> list[Product]:
    return [lambda: None]


def _open(setting: Setting) -> Products:
    return Products("a library", {"fp32": _maker}, ((2, 3, 4),))


def test_its_runs_become_rooflines() -> None:
    probe = open_probe(_local, _open, threads=1, notes=[])
    (name, run), *others = probe.runs().items()
    assert (name, others) == (ROOFLINE, [])
    assert run()["fp32"] > 0
    found = probe.rooflines([{"fp32": 5.0}, {"fp32": 7.0}, {"fp32": 1.0}])["fp32"]
    assert (found.shape, found.library, found.rates, found.median) == ([2, 3, 4], "a library", [5.0, 7.0, 1.0], 5.0)
    probe.close()


def test_what_cannot_multiply_is_a_note_and_has_no_part() -> None:
    notes: list[str] = []
    probe = open_probe(_local, fakes.no_roofline, threads=1, notes=notes)
    assert probe.runs() == {}
    assert probe.rooflines([]) == {}
    assert notes == ["the machine's matrix-multiplication rate was not measured (no products in tests)"]
    RooflineProbe(None).close()
