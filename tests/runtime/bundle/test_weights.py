"""Headers of safetensors files: read without their content, and never believed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from runtime.bundle.weights import check_classifier, tensor_shapes
from runtime.errors import CheckpointError


def test_names_and_shapes_of_all_files(tmp_path: Path) -> None:
    save_file({"a": np.ones((2, 3), np.float32)}, tmp_path / "1.safetensors", metadata={"format": "pt"})
    save_file({"classifier.weight": np.ones((5, 4), np.float32)}, tmp_path / "2.safetensors")
    assert tensor_shapes(tmp_path) == {"a": (2, 3), "classifier.weight": (5, 4)}
    check_classifier(tmp_path, 5)
    with pytest.raises(CheckpointError, match="names 4 labels, and the classifier of the weights has 5"):
        check_classifier(tmp_path, 4)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"[" * 50_000,
        b"{",
        json.dumps({"a": 1}).encode(),
        json.dumps({"a": {"shape": 3}}).encode(),
        b'{"a": {"shape": [1e999]}}',
    ],
)
def test_a_damaged_header(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        tensor_shapes(tmp_path)


def test_a_header_that_says_it_is_huge(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 16)
    with pytest.raises(CheckpointError, match="no header of the format"):
        tensor_shapes(tmp_path)
