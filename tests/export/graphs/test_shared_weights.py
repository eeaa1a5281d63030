"""Weights move out of their graphs, equal ones once, and the graphs still say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.graphs.shared_weights import external_files, share_weights

SIZE = 64


def graph(path: Path, *weights: NDArray[np.float32]) -> Path:
    """x times each weight in turn."""
    names = [f"w{number}" for number in range(len(weights))]
    chain = ["x", *(f"y{number}" for number in range(len(weights)))]
    nodes = [helper.make_node("MatMul", [chain[i], name], [chain[i + 1]]) for i, name in enumerate(names)]
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", SIZE])
    result = helper.make_tensor_value_info(chain[-1], TensorProto.FLOAT, ["rows", SIZE])
    held = [numpy_helper.from_array(weight, name) for weight, name in zip(weights, names)]
    model = helper.make_model(
        helper.make_graph(nodes, "chain", [shape], [result], held), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    onnx.save(model, path)
    return path


def answer(path: Path) -> NDArray[np.float32]:
    """What the graph says of a matrix of ones."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {"x": np.ones((2, SIZE), np.float32)})[0]
    return result


@pytest.fixture
def weights() -> list[NDArray[np.float32]]:
    """Three matrices."""
    chance = np.random.default_rng(1)
    return [chance.standard_normal((SIZE, SIZE), np.float32) for _ in range(3)]


def test_equal_weights_are_written_once(tmp_path: Path, weights: list[NDArray[np.float32]]) -> None:
    one, two = graph(tmp_path / "one.onnx", *weights[:2]), graph(tmp_path / "two.onnx", *weights[1:])
    before = [answer(one), answer(two)]
    share_weights([one, two], tmp_path / "weights.data")
    assert [external_files(path) for path in (one, two)] == [{"weights.data"}, {"weights.data"}]
    assert (tmp_path / "weights.data").read_bytes() == b"".join(weight.tobytes() for weight in weights)
    assert all(np.array_equal(answer(path), was) for path, was in zip((one, two), before))


def test_files_that_held_weights_before_are_gone(tmp_path: Path, weights: list[NDArray[np.float32]]) -> None:
    path = graph(tmp_path / "one.onnx", *weights)
    before = answer(path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0)
    assert len(list(tmp_path.iterdir())) == 4
    share_weights([path], tmp_path / "weights.data")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.onnx", "weights.data"]
    assert np.array_equal(answer(path), before)
