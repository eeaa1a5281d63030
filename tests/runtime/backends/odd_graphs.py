"""Graphs that are almost those of export, for tests of what a backend refuses."""

from __future__ import annotations

from pathlib import Path

import onnx


def renamed_input(source: Path, target: Path, old: str, new: str) -> Path:
    """Write a copy of a graph whose input has another name, and return its path."""
    model = onnx.load(source)
    for value in model.graph.input:
        value.name = new if value.name == old else value.name
    for node in model.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
    onnx.save(model, target)
    return target
