"""Backends called directly: the same batch gives the same logits in every library, whatever its padding."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.systems.backend_calls import Infer, Rows, open_onnxruntime, open_openvino, open_pytorch
from bench.systems.base import Setting
from bench.systems.baseline_files import make_onnx

SETTING = Setting(4, 1, 1)


@pytest.fixture(scope="module")
def onnx(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as Optimum exports it."""
    if find_spec("optimum") is None:
        pytest.skip("optimum is not installed")
    folder = tmp_path_factory.mktemp("onnx") / "made"
    make_onnx(tiny_model, folder)
    return folder


def _rows(length: int) -> Rows:
    """A row of four tokens, padded to a length."""
    ids, mask = np.zeros((1, length), np.int64), np.zeros((1, length), np.int64)
    ids[0, :4], mask[0, :4] = (2, 7, 8, 3), 1
    return Rows(ids, mask, [(0, 0, 2)])


@pytest.mark.parametrize(
    ("library", "opener"),
    [("onnxruntime", open_onnxruntime), ("openvino", functools.partial(open_openvino, hint="f32"))],
)
def test_onnx_files_say_what_pytorch_says(
    onnx: Path, tiny_model: Path, library: str, opener: Callable[[Path, Setting], Infer]
) -> None:
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    expected = open_pytorch(tiny_model, SETTING, device="cpu", dtype="float32")(_rows(4))
    infer = opener(onnx, SETTING)
    for length in (4, 9):
        np.testing.assert_allclose(infer(_rows(length))[:, :4], expected, atol=1e-4)


def test_logits_of_one_call_are_not_overwritten_by_the_next(onnx: Path) -> None:
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    infer: Any = open_openvino(onnx, SETTING, hint="f32")
    first = infer(_rows(4))
    kept = first.copy()
    other = _rows(4)
    other.input_ids[0, 1] = 9
    infer(other)
    np.testing.assert_array_equal(first, kept)
