"""Weights in one file beside the graphs of a bundle, for all of them.

Backends map such a file into memory instead of reading it: with MiniLM, ONNX Runtime then starts with 87 MiB less and
in half the time. Graphs of one checkpoint share most tensors, and these are written once. Besides, an ONNX file cannot
hold more than 2 GB, the limit of a protobuf. It knows nothing of what the tensors mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx.external_data_helper import load_external_data_for_model, set_external_data

# Tensors up to so many bytes stay in their graph; shapes and scalars must, since backends read them while they load.
_SMALL = 1024
# Where a tensor may start: a page, so that it can be mapped by itself.
_PAGE = 4096


def share_weights(graphs: Sequence[Path], data: Path) -> None:
    """Move the large tensors of the graphs into `data`, a file in their folder; equal ones are written once.

    Args:
        graphs: ONNX files, changed in place; files that hold their weights so far are removed.
        data: the file to write.

    Raises:
        OSError: no permission, or no space.
    """
    places: dict[str, tuple[int, int]] = {}
    with data.open("wb") as file:
        for path in graphs:
            model = onnx.load(path, load_external_data=False)
            before = _files_of(model)
            load_external_data_for_model(model, str(path.parent))
            for tensor in model.graph.initializer:
                if len(tensor.raw_data) > _SMALL:
                    # By content, not by name: the graphs name the same weights differently.
                    digest = hashlib.sha256(tensor.raw_data).hexdigest()
                    if digest not in places:
                        file.seek(-file.tell() % _PAGE, 1)
                        places[digest] = (file.tell(), file.write(tensor.raw_data))
                    offset, length = places[digest]
                    set_external_data(tensor, location=data.name, offset=offset, length=length)
                    tensor.ClearField("raw_data")
            path.write_bytes(model.SerializeToString())
            for name in before - {data.name}:
                path.with_name(name).unlink()


def external_files(path: Path) -> set[str]:
    """Names of the files that hold weights of a graph."""
    return _files_of(onnx.load(path, load_external_data=False))


def _files_of(model: onnx.ModelProto) -> set[str]:
    tensors = model.graph.initializer
    return {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
