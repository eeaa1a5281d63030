"""The headers of safetensors files: names and shapes of a checkpoint's tensors, without a byte of their content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runtime.errors import CheckpointError
from runtime.system.files import open_regular

# What the format allows: https://github.com/huggingface/safetensors, "Format".
_LARGEST_HEADER = 100_000_000
# The last layer of a token classifier, by the names that architectures give it.
_CLASSIFIERS = ("classifier.weight", "classifier.out_proj.weight", "score.weight")

Shapes = dict[str, tuple[int, ...]]


def tensor_shapes(folder: Path) -> Shapes:
    """The shape of every tensor in the safetensors files of a folder, by its name.

    Raises:
        CheckpointError: a file is damaged.
    """
    shapes: Shapes = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            shapes |= _shapes(_header(path))
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            reason = str(error) or type(error).__name__
            raise CheckpointError(str(path), f"damaged or cut off ({reason})", "take an intact copy of it") from error
    return shapes


def check_classifier(folder: Path, labels: int) -> None:
    """Refuse a configuration that does not name as many labels as the classifier has.

    Raises:
        CheckpointError: it does not, or a file is damaged.
    """
    shapes = tensor_shapes(folder)
    rows = next((shapes[name][0] for name in _CLASSIFIERS if len(shapes.get(name, ())) == 2), labels)
    if rows != labels:
        problem = f'"id2label" names {labels} labels, and the classifier of the weights has {rows}'
        fix = f"name all {rows} in the order of training, and take those out that it was not trained with"
        raise CheckpointError(str(folder / "config.json"), problem, fix)


def _header(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= _LARGEST_HEADER:
            raise ValueError("no header of the format")
        raw = file.read(size)
    header = json.loads(raw)
    if not isinstance(header, dict):
        raise TypeError("its header is no object")
    return header


def _shapes(header: dict[str, Any]) -> Shapes:
    named = {name: value["shape"] for name, value in header.items() if name != "__metadata__"}
    return {name: tuple(int(size) for size in shape) for name, shape in named.items()}
