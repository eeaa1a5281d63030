"""A copy of a model shares nothing with it."""

from __future__ import annotations

from pathlib import Path

import onnx

from export.graphs.copies import copy_of, without_weights


def test_changing_a_copy_leaves_the_model_as_it_is(tiny_bundle: Path) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    before = model.SerializeToString()
    copy = copy_of(model)
    assert copy.SerializeToString() == before
    del copy.graph.node[:], copy.graph.initializer[:]
    assert model.SerializeToString() == before


def test_a_copy_without_weights_has_all_else(tiny_bundle: Path) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    before = model.SerializeToString()
    copy = without_weights(model)
    assert list(copy.graph.initializer) == []
    copy.graph.initializer.extend(model.graph.initializer)
    assert copy == model
    del copy.graph.node[:]
    assert model.SerializeToString() == before
