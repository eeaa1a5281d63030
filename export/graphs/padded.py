"""Checkpoint -> graph of padded layout, through Optimum's exporter. It knows nothing of bundles or certificates."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import transformers

from runtime.bundle.store import Graph
from runtime.errors import BugError, CheckpointError, storage_error

# Version of the ONNX operator set. 17 is the first with LayerNormalization as one operator.
OPSET = 17
TASK = "token-classification"


def padded_from_checkpoint(model: transformers.PreTrainedModel, output: Path) -> Graph:
    """Write the fp32 graph of padded layout: dynamic rows and length, inputs as the model has them.

    Args:
        model: as load_model gives it.
        output: the ONNX file to write.

    Raises:
        CheckpointError: the exporter does not know the architecture.
        StorageError: no permission, or no space.
    """
    # Not at the top: packed graphs do without Optimum, which allows few versions of transformers.
    from optimum.exporters.onnx import export as optimum_export
    from optimum.exporters.tasks import TasksManager

    architecture = model.config.model_type
    try:
        constructor = TasksManager.get_exporter_config_constructor(
            "onnx", model=model, task=TASK, library_name="transformers"
        )
    except (KeyError, ValueError) as error:
        problem = f"Optimum's exporter does not know the architecture {architecture!r} for {TASK}"
        raise CheckpointError(architecture, problem, "give a checkpoint of another architecture") from error
    try:
        with quiet_export():
            inputs, _ = optimum_export(model, constructor(model.config), output, opset=OPSET)
        onnx.checker.check_model(str(output))
    except OSError as error:
        raise storage_error(error) from error
    return Graph(output.name, "fp32", "padded", OPSET, _in_graph(output, inputs))


def _in_graph(path: Path, expected: list[str]) -> tuple[str, ...]:
    """The graph's inputs as they are in the file; they must be among those that the exporter meant to write."""
    names = tuple(node.name for node in onnx.load(path, load_external_data=False).graph.input)
    if not {"input_ids", "attention_mask"} <= set(names) <= {*expected}:
        raise BugError(f"exported inputs are {', '.join(names)}, expected {', '.join(expected)}")
    return names


@contextmanager
def quiet_export() -> Iterator[None]:
    """Silence tracing, which warns of every branch in Python that it fixes. Certifying shows whether that was right."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logger.setLevel(level)
