"""A copy of a model shares nothing with it."""

from __future__ import annotations

from pathlib import Path

import onnx

from export.graphs.copies import copy_of


def test_changing_a_copy_leaves_the_model_as_it_is(tiny_bundle: Path) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    before = model.SerializeToString()
    copy = copy_of(model)
    assert copy.SerializeToString() == before
    del copy.graph.node[:], copy.graph.initializer[:]
    assert model.SerializeToString() == before
