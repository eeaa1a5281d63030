"""Starts are measured as real processes, with the self-check and without."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.start import Started, main, measured, table
from runtime.bundle.store import open_bundle
from runtime.errors import BackendError
from tests.lookup import lookup_bundle

NAME = "padded-fp32.onnx on onnxruntime in fp32, cpu"
ONE = Started(NAME, [0.5, 0.4, 0.46], [0.6, 0.7, 0.5], [0.44, 0.39, 0.6], [0.575, 0.7, 0.4], 3.5)


def test_the_self_check_is_what_a_start_takes_longer_with_it() -> None:
    assert ONE.check_ms == pytest.approx(10.0)
    assert ONE.check_cpu_ms == pytest.approx(25.0)
    start, check = ONE.bars()
    assert (start.figure, start.most) == (0.46, 0.45)
    assert check.figure == pytest.approx(10.0)
    assert check.most == 10.0
    # The bar of the start is ONNX Runtime's alone.
    (only,) = replace(ONE, candidate="packed-int8.onnx on openvino in int8, cpu").bars()
    assert only.name.startswith("ms of it that the self-check takes, packed-int8.onnx")
    assert table([ONE]).rows == ((ONE.candidate, "0.460", "0.400", "0.600", "10.0", "25.0", "3.5"),)


def test_real_starts_of_a_real_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", {"Lisbon": "B-LOC"})
    assert main([str(bundle), "--starts", "1"]) == 0
    *shown, last = capsys.readouterr().out.splitlines()
    (told,) = json.loads(last)["starts"]
    assert told["candidate"] == ONE.candidate
    assert len(told["seconds"]) == len(told["unchecked"]) == 1
    assert 0 < told["cpu_seconds"][0] < 60
    assert 0 < told["again_ms"] < 1000 * told["seconds"][0]
    assert sum(line.startswith(("held", "MISSED")) for line in shown) == 2
    assert any(line.startswith("load: ") for line in shown)


def test_a_start_that_fails_is_told(tmp_path: Path) -> None:
    opened = open_bundle(lookup_bundle(tmp_path / "bundle", {"Lisbon": "B-LOC"}))
    (certificate,) = opened.manifest.certificates
    (tmp_path / "bundle" / "config.json").write_text("changed")
    with pytest.raises(BackendError, match=r"config\.json.*the manifest says"):
        measured(opened, certificate.candidate, starts=1)
