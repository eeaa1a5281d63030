"""Weights taken out and put back: the file is the same to the byte, and without them the graph is small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_np_to_float16

from export.graphs.fp16 import fp16_from_graph
from export.graphs.weights_apart import put_back, take_out
from runtime.bundle.store import Graph

SIZE = 128


def model_of(*weights: NDArray[np.float32]) -> onnx.ModelProto:
    """x times each weight in turn."""
    chain = ["x", *(f"y{number}" for number in range(len(weights)))]
    nodes = [helper.make_node("MatMul", [chain[i], f"w{i}"], [chain[i + 1]], f"/{i}") for i in range(len(weights))]
    held = [numpy_helper.from_array(weight, f"w{number}") for number, weight in enumerate(weights)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", SIZE]) for name in (chain[0], chain[-1])]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made


def weight(seed: int) -> NDArray[np.float32]:
    """A large one."""
    return np.random.default_rng(seed).standard_normal((SIZE, SIZE), np.float32)


def test_out_and_back_gives_the_same_bytes() -> None:
    model = model_of(weight(1), weight(2), weight(3))
    before = model.SerializeToString()
    weights = take_out(model, {"w0", "w2"})
    assert list(weights.arrays) == ["w0", "w2"]
    assert len(model.SerializeToString()) < len(before) / 2
    # Who infers shapes finds the same as before.
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    assert {value.name for value in inferred.graph.value_info} == {"y0", "y1"}
    put_back(model, weights)
    assert model.SerializeToString() == before


def test_what_is_small_or_not_named_stays() -> None:
    model = model_of(weight(1))
    assert take_out(model, {"another"}).arrays == {}
    model.graph.initializer[0].CopyFrom(helper.make_tensor("w0", TensorProto.FLOAT, [1], [1.0]))
    assert take_out(model, {"w0"}).arrays == {}
    assert [one.name for one in model.graph.initializer] == ["w0"]


def test_weights_become_the_numbers_that_the_converter_makes(tmp_path: Path) -> None:
    given = weight(1)
    # Around the smallest number above 0 of fp16, below it, both zeros, and a large one.
    given[0, :8] = [1e-9, -1e-9, 2.9e-8, -4e-8, 5.97e-8, 0.0, -0.0, 6e4]
    onnx.save(model_of(given, weight(2)), tmp_path / "given.onnx")
    graph = Graph("given.onnx", "fp32", "padded", 17, ("x",))
    fp16_from_graph(tmp_path / graph.file, tmp_path / "fp16.onnx", graph, (), threads=1)
    made = {tensor.name: tensor.raw_data for tensor in onnx.load(tmp_path / "fp16.onnx").graph.initializer}
    assert made == {f"w{i}": convert_np_to_float16(one).tobytes() for i, one in enumerate((given, weight(2)))}
