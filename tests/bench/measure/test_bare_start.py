"""The least process runs real graphs in both libraries, and its steps add up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.measure.bare_start import LIBRARIES, STEPS, bare_start
from runtime.bundle.store import TOKENIZER


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("graph", ["packed-fp32.onnx", "padded-fp32.onnx"])
def test_steps_are_those_of_one_process(library: str, graph: str, tiny_bundle: Path, tmp_path: Path) -> None:
    found = bare_start(library, tiny_bundle / graph, tiny_bundle / TOKENIZER, text="Oslo is here.", cache=tmp_path)
    assert tuple(found.steps) == STEPS
    assert sum(found.steps.values()) == pytest.approx(found.seconds)
    assert min(found.steps.values()) > 0
    assert found.cpu_seconds > 0
    assert any(tmp_path.iterdir()) == (library == "openvino")


def test_a_process_that_fails_is_an_error(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        bare_start("onnxruntime", tmp_path / "none", tiny_bundle / TOKENIZER, text="Oslo", cache=tmp_path)
