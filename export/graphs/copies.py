"""A copy of an ONNX model, so that the one that was given stays as it is."""

from __future__ import annotations

import onnx


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of its own with the same content, weights in memory included."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
