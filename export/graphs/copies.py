"""Copies of an ONNX model, so that the one that was given stays as it is."""

from __future__ import annotations

from typing import Any

import onnx


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of its own with the same content, weights in memory included."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of its own with the same content but no initializers: for who replaces gigabytes of them."""
    copy = onnx.ModelProto()
    _copy_fields(model, copy, but="graph")
    _copy_fields(model.graph, copy.graph, but="initializer")
    return copy


def _copy_fields(source: Any, copy: Any, *, but: str) -> None:
    """All fields of a message but one. (Messages of protobuf have no types.)"""
    for field, value in source.ListFields():
        if field.name == but:
            continue
        if hasattr(value, "CopyFrom"):
            getattr(copy, field.name).CopyFrom(value)
        elif isinstance(value, (str, bytes, int, float)):
            setattr(copy, field.name, value)
        else:  # a repeated field
            getattr(copy, field.name).extend(value)
