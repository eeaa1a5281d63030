"""The CRF of a checkpoint: weights that no model of transformers reads, and that choose its labels.

They have the names that pytorch-crf gives them, beside a token classifier's own. The weights do not tell which tokens
the CRF ran over in training, and that changes its answers: over the first token of each word, as ours does, or over all
tokens and the special ones. So a person has to say it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from runtime.bundle.checkpoint import Checkpoint
from runtime.bundle.weights import tensor_shapes
from runtime.errors import CheckpointError
from runtime.text.crf import Crf

CrfWay = Literal["", "words"]
"""What a checkpoint's CRF runs over: the first tokens of words; "" where nobody says it."""
_START, _END, _STEPS = "crf.start_transitions", "crf.end_transitions", "crf.transitions"


def with_crf(checkpoint: Checkpoint, way: CrfWay) -> Checkpoint:
    """The checkpoint with its CRF, where it has one.

    Args:
        checkpoint: without it.
        way: what the CRF runs over.

    Raises:
        CheckpointError: it has one and nobody says what it runs over, or it has none and somebody does, or its weights
            are not one for each label and each pair of labels.
    """
    place, count = str(checkpoint.folder), len(checkpoint.labels)
    shapes = {name: shape for name, shape in tensor_shapes(checkpoint.folder).items() if name in (_START, _END, _STEPS)}
    if not shapes and way:
        raise CheckpointError(place, f"no CRF in it ({_STEPS})", "leave --crf out")
    if not shapes:
        return checkpoint
    if not way:
        problem = f"a CRF chooses its labels ({_STEPS}), and its weights do not tell what it ran over"
        fix = "say --crf words if that was the first token of each word; a CRF over all tokens cannot be exported"
        raise CheckpointError(place, problem, fix)
    if shapes != {_START: (count,), _END: (count,), _STEPS: (count, count)}:
        problem = f"its CRF is not one of {count} labels: {', '.join(f'{n} {s}' for n, s in sorted(shapes.items()))}"
        raise CheckpointError(place, problem, "take an intact copy, with start_transitions and end_transitions")
    return replace(checkpoint, crf=(_read(checkpoint.folder),))


def read_elsewhere(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Patterns of the weights that are read here; see export.torch_model.load_model."""
    return (r"crf\.((start|end)_)?transitions",) if checkpoint.crf else ()


def _read(folder: Path) -> Crf:
    start, end, steps = (_tensor(folder, name) for name in (_START, _END, _STEPS))
    return Crf(tuple(start.tolist()), tuple(end.tolist()), tuple(map(tuple, steps.tolist())))


def _tensor(folder: Path, name: str) -> NDArray[np.float64]:
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                if name not in file.keys():  # noqa: SIM118 - no dictionary
                    continue
                values: NDArray[np.float64] = file.get_tensor(name).astype(np.float64)
        except (SafetensorError, TypeError, OSError) as error:
            raise CheckpointError(str(path), f"{name} cannot be read ({error})", "save it in float32") from error
        if not np.isfinite(values).all():
            raise CheckpointError(str(path), f"{name} is not finite", "take an intact copy, or train it again")
        return values
    raise CheckpointError(str(folder), f"no {name} in it", "take an intact copy")
