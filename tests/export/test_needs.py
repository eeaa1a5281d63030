"""What int8 asks of a processor, and that processors and engine do as runtime.processor says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.needs import largest_weight, needs_of
from export.products import Int8Product, Rounded, in_int8, products
from runtime.bundle import Bundle, Candidate, Manifest, Source
from runtime.processor import NARROW, abilities

SIZE = 128
FILE = "packed-int8.onnx"
ON_OPENVINO = Candidate(FILE, "openvino", "int8", "cpu")


def write(folder: Path, weight: int) -> Bundle:
    """A bundle of one product in int8, all of whose weights are that number, and whose steps are 1."""
    shape: list[str | int | None] = ["rows", "length", SIZE]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("values", "sums")]
    constants = [
        helper.make_tensor("weights", TensorProto.FLOAT, [SIZE, SIZE], np.full(SIZE * SIZE, weight, np.float32)),
        helper.make_tensor("bias", TensorProto.FLOAT, [SIZE], np.zeros(SIZE, np.float32)),
    ]
    nodes = [
        helper.make_node("MatMul", ["values", "weights"], ["product"], "product"),
        helper.make_node("Add", ["product", "bias"], ["sums"], "add"),
    ]
    graph = helper.make_graph(nodes, "one product", [ends[0]], [ends[1]], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    zero, one = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    rounded = {"values": Rounded(zero, one, 1.0)}
    chosen = {"product": Int8Product(products(model)[0].weights.astype(np.int8), one, zero)}
    onnx.save(in_int8(model, rounded, chosen), folder / FILE)
    return Bundle(folder, Manifest(Source("model", "0"), ("O",), 64, 100, {}, (), (), {}))


@pytest.mark.parametrize("weight", [NARROW, -NARROW, 127])
def test_sums_in_int8_are_exact_where_they_are_said_to_be(weight: int, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    held = write(tmp_path, weight)
    compiled = openvino.Core().compile_model(str(held.file(FILE)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    exact = []
    for value in (127, -127, 1):
        values: NDArray[np.float32] = np.full((2, 64, SIZE), value, np.float32)
        exact.append(np.array_equal(compiled(values)[0], values @ np.full((SIZE, SIZE), weight, np.float32)))
    assert all(exact) == (abs(weight) <= NARROW or "vnni" in abilities())


def test_needs(tmp_path: Path) -> None:
    rest = ("bf16",) if "bf16" in abilities() else ()
    assert needs_of(write(tmp_path, NARROW), ON_OPENVINO) == rest
    wide = write(tmp_path, NARROW + 1)
    assert needs_of(wide, ON_OPENVINO) == ("vnni" if "vnni" in abilities() else "no vnni", *rest)
    assert needs_of(wide, replace(ON_OPENVINO, precision="fp32")) == ()
    assert needs_of(wide, replace(ON_OPENVINO, device="cuda")) == ()


def test_largest_weight(tmp_path: Path) -> None:
    assert largest_weight(write(tmp_path, -90).file(FILE)) == 90
    unsigned = helper.make_tensor("weights", TensorProto.UINT8, [2, 2], np.array([128, 3, 128, 130], np.uint8))
    alone = helper.make_graph(
        [], "weights", [], [], [unsigned, helper.make_tensor("zero", TensorProto.INT8, [1], [99])]
    )
    onnx.save(helper.make_model(alone), tmp_path / "unsigned.onnx")
    assert largest_weight(tmp_path / "unsigned.onnx") == 125
