"""Starts are measured as real processes, with the self-check and without."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bench.measure.bare_start import STEPS, BareStart
from bench.start import Started, bare_table, block, main, measured, table
from runtime.bundle.store import open_bundle
from runtime.errors import BackendError, UsageError
from tests.lookup import lookup_bundle

NAME = "padded-fp32.onnx on onnxruntime in fp32, cpu"
ONE = Started(NAME, [0.5, 0.4, 0.46], [0.6, 0.7, 0.5], [0.44, 0.39, 0.6], [0.575, 0.7, 0.4], 3.5)


def _result(*found: Started) -> dict[str, Any]:
    machine = {"cpu": "a CPU", "cores_usable": 2, "load_average": [0.5, 1, 1], "commit": "0123456789abcdef"}
    return {"machine": machine, "load_after": [0.6, 1, 1], "pairs": 3, "starts": [asdict(one) for one in found]}


def test_the_self_check_is_what_a_start_takes_longer_with_it() -> None:
    assert ONE.check_ms.value == pytest.approx(10.0)
    assert ONE.check_cpu_ms.value == pytest.approx(25.0)
    # Three pairs have no interval, so nothing is shown; and the bar of the start is ONNX Runtime's alone.
    assert ONE.start
    assert str(ONE.start) == f"not shown: seconds of a start, {NAME}: 0.46 [-inf, inf], at most 0.45"
    assert ONE.check.verdict == "not shown"
    assert replace(ONE, candidate="packed-int8.onnx on openvino in int8, cpu").start is None


def test_a_bound_is_judged_where_its_interval_leaves_no_doubt() -> None:
    unchecked = [0.400, 0.410, 0.420, 0.430, 0.440, 0.405]
    slow = replace(ONE, seconds=[one + 0.011 for one in unchecked], unchecked=unchecked)
    quick = replace(slow, seconds=[one + 0.009 for one in unchecked])
    assert (slow.check.verdict, quick.check.verdict) == ("missed", "held")
    assert (slow.start and slow.start.verdict, quick.start and quick.start.verdict) == ("not shown", "held")
    (row,) = table(_result(slow)).rows
    assert row[:4] == (NAME, "0.426 [0.411, 0.451]", "not shown", "0.411")
    assert row[5:7] == ("11.0 [11.0, 11.0]", "missed")
    shown = block(_result(slow), Path("x.json"))
    assert "2 CPUs, 3 pairs of starts; load: 0.50 before, 0.60 after; commit 0123456789ab." in shown


def test_steps_of_the_libraries_are_medians_and_may_lack() -> None:
    bare = [BareStart(0.2, 0.3, dict.fromkeys(STEPS, milliseconds / 1000)) for milliseconds in (10, 30, 20)]
    known, old = replace(ONE, bare=bare), _result(ONE)
    assert bare_table(_result(known)).rows == ((NAME, *["20.0"] * len(STEPS)),)
    assert table(_result(known)).rows[0][-2:] == ("0.200 [-inf, inf]", "0.300")
    del old["starts"][0]["bare"]  # as in results of before
    assert bare_table(old).rows == ()
    assert table(old).rows[0][-2:] == ("-", "-")


def test_real_starts_of_a_real_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, output = lookup_bundle(tmp_path / "bundle", {"Lisbon": "B-LOC"}), tmp_path / "start.json"
    # Two pairs show nothing, which is not enough for --strict.
    assert main([str(bundle), "--starts", "2", "--output", str(output), "--strict"]) == 1
    *shown, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == {"starts": 1, "output": str(output)}
    result = json.loads(output.read_text(encoding="utf-8"))
    assert result["what"] == "start"
    assert {"cpu", "commit", "load_average"} <= result["machine"].keys()
    (told,) = result["starts"]
    assert told["candidate"] == ONE.candidate
    assert len(told["seconds"]) == len(told["unchecked"]) == result["pairs"] == 2
    assert min(told["cpu_seconds"][0], told["again_ms"]) > 0
    assert [list(one["steps"]) for one in told["bare"]] == [list(STEPS)] * 2
    for one in told["bare"]:
        assert sum(one["steps"].values()) == pytest.approx(one["seconds"])
    assert sum(line.startswith("not shown: ") for line in shown) == 2
    assert any(line.startswith("load: ") for line in shown)
    assert block(result, Path("x.json")).count(f"| {NAME} |") == 2  # the start's row, and that of the libraries' steps


def test_without_a_bundle_there_is_nothing_to_measure() -> None:
    with pytest.raises(UsageError, match="give BUNDLE"):
        main([])


def test_a_start_that_fails_is_told(tmp_path: Path) -> None:
    opened = open_bundle(lookup_bundle(tmp_path / "bundle", {"Lisbon": "B-LOC"}))
    (certificate,) = opened.manifest.certificates
    (tmp_path / "bundle" / "config.json").write_text("changed")
    with pytest.raises(BackendError, match=r"config\.json.*the manifest says"):
        measured(opened, certificate.candidate, starts=1)
