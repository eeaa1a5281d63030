"""The padded graph: dynamic axes, the model's own logits, and architectures that the exporter does not know."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.graphs.padded import OPSET, padded_from_checkpoint, quiet_export
from export.torch_model import load_model
from runtime.errors import CheckpointError, StorageError


def test_it_gives_the_models_logits_for_any_rows_and_any_length(tiny_model: Path, tmp_path: Path) -> None:
    model = load_model(tiny_model)
    graph = padded_from_checkpoint(model, tmp_path / "padded.onnx")
    assert (graph.file, graph.precision, graph.layout, graph.opset) == ("padded.onnx", "fp32", "padded", OPSET)
    assert graph.inputs == tuple(node.name for node in onnx.load(tmp_path / "padded.onnx").graph.input)
    session = onnxruntime.InferenceSession(tmp_path / "padded.onnx", providers=["CPUExecutionProvider"])
    for rows, length in ((1, 3), (4, 17)):
        ids = np.random.default_rng(rows).integers(5, 200, (rows, length))
        mask = np.ones_like(ids)
        mask[0, 2:] = 0  # a row that is padded from its third token slot on
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        with torch.inference_mode():
            expected = model(**{name: torch.from_numpy(value) for name, value in feed.items()}).logits.numpy()
        found = session.run(None, feed)[0]
        assert np.abs(found - expected)[mask == 1].max() < 1e-5


def test_an_architecture_that_optimum_does_not_know_is_traced(tiny_model: Path, tmp_path: Path) -> None:
    model = load_model(tiny_model)
    model.config.model_type = "crystal-ball"
    graph = padded_from_checkpoint(model, tmp_path / "padded.onnx")
    assert graph.inputs == ("input_ids", "attention_mask")
    session = onnxruntime.InferenceSession(tmp_path / "padded.onnx", providers=["CPUExecutionProvider"])
    for rows, length in ((1, 3), (4, 33)):
        ids = np.random.default_rng(rows).integers(5, 200, (rows, length))
        mask = np.ones_like(ids)
        mask[0, 2:] = 0
        with torch.inference_mode():
            expected = model(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.numpy()
        found = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        assert np.abs(found - expected)[mask == 1].max() < 1e-5


def test_a_model_whose_code_fails_is_one_line(tiny_model: Path, tmp_path: Path) -> None:
    model = load_model(tiny_model)
    model.config.model_type = "crystal-ball"
    model.classifier = torch.nn.Linear(5, 5)  # it takes five numbers where it is given 32
    with pytest.raises(CheckpointError, match="architecture 'crystal-ball': a graph of it cannot be made") as caught:
        padded_from_checkpoint(model, tmp_path / "padded.onnx")
    assert "\n" not in str(caught.value)


def test_no_place_to_write_is_one_line(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError):
        padded_from_checkpoint(load_model(tiny_model), tmp_path / "file" / "padded.onnx")


def test_silence_ends_with_the_export() -> None:
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    with quiet_export():
        warnings.warn("of a branch in Python", stacklevel=1)
        assert logger.level == logging.ERROR
    assert logger.level == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
