"""Checkpoint -> graph of padded layout, through Optimum's exporter, or PyTorch's where Optimum does not know the model.

It knows nothing of bundles or certificates.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
import transformers
from torch import Tensor, nn

from runtime.batch.batches import GIVEN
from runtime.bundle.store import Graph
from runtime.errors import BugError, CheckpointError, storage_error

# Version of the ONNX operator set. 17 is the first with LayerNormalization as one operator.
OPSET = 17
TASK = "token-classification"
_TEXT = ("input_ids", "attention_mask")
_OTHERS = "take an architecture of those in docs/architectures.md"
_OPTIMUM = "pip install 'nerve-ner[export]', which brings versions that fit"


def padded_from_checkpoint(model: transformers.PreTrainedModel, output: Path) -> Graph:
    """Write the fp32 graph of padded layout: dynamic rows and length, inputs as the model has them.

    Args:
        model: as load_model gives it.
        output: the ONNX file to write.

    Raises:
        CheckpointError: the exporter is not there or fails, or gives a graph that needs more than text.
        StorageError: no permission, or no space.
    """
    architecture = model.config.model_type
    try:
        with quiet_export():
            inputs = _export(model, output)
        onnx.checker.check_model(str(output))
    except OSError as error:
        raise storage_error(error) from error
    except ImportError as error:
        problem = f"it is not installed, or does not fit transformers {transformers.__version__} ({error})"
        raise CheckpointError("Optimum, which makes padded graphs", problem, _OPTIMUM) from error
    except Exception as error:  # whatever a model's own code raises when it is run in a way that nobody tried
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        problem = f"a graph of it cannot be made ({reason})"
        raise CheckpointError(f"architecture {architecture!r}", problem, _OTHERS) from error
    return Graph(output.name, "fp32", "padded", OPSET, _in_graph(output, inputs))


def _export(model: transformers.PreTrainedModel, output: Path) -> list[str]:
    """Write the graph; the names of the inputs that it may have."""
    # Not at the top: packed graphs do without Optimum, which allows few versions of transformers.
    from optimum.exporters.onnx import export as optimum_export
    from optimum.exporters.tasks import TasksManager

    try:
        constructor = TasksManager.get_exporter_config_constructor(
            "onnx", model=model, task=TASK, library_name="transformers"
        )
    except (KeyError, ValueError):
        return _traced(model, output)
    inputs, _ = optimum_export(model, constructor(model.config), output, opset=OPSET)
    return list(inputs)


class _Classifier(nn.Module):
    """A token classifier that is given what every text has: ids and a mask."""

    def __init__(self, model: transformers.PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def _traced(model: transformers.PreTrainedModel, output: Path) -> list[str]:
    """The same as _export without Optimum."""
    # Two rows of different lengths, so that no part of the model finds a mask that masks nothing.
    ids = torch.full((2, 16), 5, dtype=torch.int64)  # [rows, length]
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    with torch.inference_mode():
        torch.onnx.export(
            _Classifier(model).eval(),
            (ids, mask),
            str(output),
            input_names=[*_TEXT],
            output_names=["logits"],
            dynamic_axes={name: {0: "rows", 1: "length"} for name in (*_TEXT, "logits")},
            opset_version=OPSET,
            dynamo=False,
        )
    return [*_TEXT]


def _in_graph(path: Path, expected: list[str]) -> tuple[str, ...]:
    """The graph's inputs as they are in the file; they must be among those that the exporter meant to write."""
    names = tuple(node.name for node in onnx.load(path, load_external_data=False).graph.input)
    if not {*_TEXT} <= set(names) <= {*expected}:
        raise BugError(f"exported inputs are {', '.join(names)}, expected {', '.join(expected)}")
    if more := sorted({*names} - GIVEN):
        problem = f"its graph needs more than text ({', '.join(more)})"
        raise CheckpointError(path.name, problem, _OTHERS)
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
