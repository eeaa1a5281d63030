"""One text at a time: what is bounded, and what a Tagger takes besides its backend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local
from bench.measure.rounds import MeasuredSystem
from bench.one_text import Bar, OneTextResult, at_equal_length, measured
from bench.schema.result import Latency
from bench.systems.library_calls import call_specs
from bench.systems.nerve import nerve_specs
from bench.workloads.texts import read_corpus, single_texts
from runtime.bundle.store import open_bundle
from tests.bench import fakes


def _local(threads: int) -> JobRunner:
    return Local(Session())


def latency(p50: float, p99: float) -> Latency:
    return Latency("sentence", [[p50, p99]], p50, p99, p99)


RESULT = OneTextResult(
    threads=2,
    latency={
        "nerve-openvino-int8": latency(1.0, 2.0),
        "nerve-openvino-fp32": latency(2.0, 6.0),
        "nerve-onnxruntime-fp32": latency(3.0, 6.0),
        "call-openvino-int8-1": latency(1.1, 2.0),
        "call-openvino-int8-2": latency(0.8, 2.0),
        "call-onnxruntime-fp32-2": latency(4.0, 5.0),
        "optimum-int8": latency(2.0, 3.0),
    },
    around={"nerve-openvino-int8": 0.1},
    at_equal_length=dict.fromkeys(
        (
            *("nerve-openvino-int8", "nerve-openvino-fp32", "nerve-onnxruntime-fp32", "call-openvino-int8-1"),
            *("call-openvino-int8-2", "call-onnxruntime-fp32-2", "optimum-int8"),
        ),
        1.5,
    ),
    tokens=[12, 34],
)
TOKENS = np.arange(5, 9)


def test_the_fastest_of_each_kind_is_held_against_the_bars() -> None:
    found = {bar.name: (round(bar.figure, 3), bar.most) for bar in RESULT.bars()}
    assert found == {
        "p50 of nerve-openvino-int8 / p50 of optimum-int8": (0.5, 0.75),
        "p50 of nerve-openvino-int8 / p50 of call-openvino-int8-2": (1.25, 1.1),
        "p99 / p50 of nerve-openvino-int8, beside 2.50 of call-openvino-int8-2": (2.0, 2.5),
        "p50 of nerve-openvino-fp32 / p50 of call-onnxruntime-fp32-2": (0.5, 0.95),
        "p99 / p50 of nerve-openvino-fp32, beside 1.25 of call-onnxruntime-fp32-2": (3.0, 2.5),
        "ms around the backend of nerve-openvino-int8": (0.1, 0.15),
    }
    assert str(Bar("what", 2.0, 2.5)) == "held    what: 2.00, at most 2.5"
    assert str(Bar("what", 2.6, 2.5)) == "MISSED  what: 2.60, at most 2.5"


def test_what_was_not_measured_is_not_bounded() -> None:
    only = {"nerve-onnxruntime-fp32": latency(3.0, 6.0)}
    [bar] = replace(RESULT, latency=only, around={}).bars()
    assert bar.name == "p99 / p50 of nerve-onnxruntime-fp32"
    assert OneTextResult(2, {}, {}, {}, []).bars() == []


def test_the_table_begins_with_the_fastest() -> None:
    rows = RESULT.table().rows
    assert rows[0] == ("call-openvino-int8-2", "0.80", "2.00", "2.00", "2.5", "1.5", "-")
    assert rows[1] == ("nerve-openvino-int8", "1.00", "2.00", "2.00", "2.0", "1.5", "0.100")


def test_the_slowest_calls_are_told_with_what_makes_them_slow() -> None:
    rounds = [[1.0, 2.0, 3.0], [9.0, 1.5, 1.0]]
    only = {"nerve-openvino-int8": Latency("sentence", rounds, 1.5, 9.0, 9.0)}
    [line] = replace(RESULT, latency=only, tokens=[5, 6, 30, 8, 9, 10]).slowest()
    told = "9.00 ms (8 tokens, call 1 of its turn), 3.00 ms (30 tokens, call 3 of its turn)"
    assert line.startswith(f"slowest of nerve-openvino-int8: {told}")
    assert line.count("ms") == 5
    assert len(RESULT.slowest()) == 2


def test_at_equal_length_only_what_is_not_length_is_left() -> None:
    tokens = np.random.default_rng(1).integers(3, 80, 500)
    assert at_equal_length(0.5 + 0.05 * tokens, tokens) == pytest.approx(1)
    slow = np.where(np.arange(500) % 50, 1, 3)  # two in a hundred take three times as long
    assert at_equal_length(slow * (0.5 + 0.05 * tokens), tokens) == pytest.approx(3, rel=0.1)
    assert at_equal_length(np.full(4, 2.0), np.full(4, 7)) == 1


def test_a_bundle_and_its_bare_engines_are_really_timed(tiny_bundle: Path, tiny_corpus: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    texts = single_texts(read_corpus(tiny_corpus), 0, 8, seed=1)
    specs = [*nerve_specs(bundle, threads=1), *call_specs(bundle, texts.raw, threads=1)]
    assert {spec.name.rpartition("-")[0] for spec in specs} >= {"call-onnxruntime-fp32", "call-openvino-fp32"}
    systems = [MeasuredSystem(spec, threads=1, start=_local) for spec in specs]
    result = measured(systems, texts, np.arange(8), rounds=2, threads=1)
    for one in systems:
        one.leave()
    assert [(one.name, one.row.reason) for one in systems if one.name not in result.latency] == []
    assert {len(each.rounds) for each in result.latency.values()} == {2}
    assert all(each >= 1 for each in result.at_equal_length.values())
    assert set(result.at_equal_length) == set(result.latency)
    assert set(result.around) == {spec.name for spec in specs if spec.group == "nerve"}
    assert all(0 < each < 50 for each in result.around.values())


def test_a_system_that_is_not_installed_is_left_out(tiny_corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = single_texts(read_corpus(tiny_corpus), 0, 4, seed=1)
    specs = [fakes.spec("here"), fakes.spec("gone", needs=("no_such_library",))]
    systems = [MeasuredSystem(spec, threads=1, start=_local) for spec in specs]
    result = measured(systems, texts, TOKENS, rounds=1, threads=1)
    assert set(result.latency) == {"here"}
    assert "not measured: gone: no_such_library" in capsys.readouterr().out
