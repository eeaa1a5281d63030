"""How far the quantization of each linear layer moves the logits: of all layers at once, by one pass through PyTorch.

Let e be what quantization adds to a layer's result, and J the derivative of the logits by that result. To first order
the logits move by J e. For a vector v of random signs the mean of (v J e)^2 is |J e|^2 (Hutchinson 1990, "A stochastic
estimator of the trace of the influence matrix for Laplacian smoothing splines"; Dong et al. 2020, "HAWQ-V2", ranks
layers for quantization in a like manner). v J is what a pass backward gives, for every layer and every token, so that
the cost does not grow with the number of layers. Errors of different layers have little to do with each other: their
movements add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.quantize.linear_layers import LinearLayer
from runtime.batch.batches import NOTHING, Placed
from runtime.errors import BugError

Array = NDArray[np.float32]
# Passes backward of each batch. Each window is a sample of its own, so that two of each are enough.
_PASSES = 2


def movements(
    encoder: nn.Module,
    layers: Sequence[LinearLayer],
    quantized: Callable[[LinearLayer, Array], Array],
    text: Iterable[Placed],
    *,
    threads: int,
) -> dict[str, float]:
    """Mean square movement of the logits against each other by the quantization of each layer alone, by its name.

    Args:
        encoder: what the graph was made of; it takes input_ids, position_ids and segment_ids.
        layers: of the graph, in its order.
        quantized: what a layer in 8 bits gives for an input. [slots, inputs] -> [slots, outputs]
        text: batches; the logits that count are those of the slots that they answer for.
        threads: for PyTorch, for the whole process.

    Raises:
        BugError: a layer is not in the encoder.
    """
    torch.set_num_threads(threads)
    # Always the same: exporting again must give the same bytes.
    chance = torch.Generator().manual_seed(0)
    total, counted = np.zeros(len(layers)), 0
    for placed in text:
        results, logits = _forward(encoder, layers, placed)
        errors = [
            torch.from_numpy(quantized(layer, given)).view_as(result) - result.detach()
            for layer, (given, result) in zip(layers, results)
        ]
        for _ in range(_PASSES):
            signs = _signs(logits, placed, chance)
            slopes = torch.autograd.grad((signs * logits).sum(), [result for _, result in results], retain_graph=True)
            total += [_squares(slope, error, placed) for slope, error in zip(slopes, errors)]
        counted += _PASSES * len(placed.slots) * logits.shape[-1]
    return {layer.name: float(moved) for layer, moved in zip(layers, total / max(1, counted))}


def _forward(
    encoder: nn.Module, layers: Sequence[LinearLayer], placed: Placed
) -> tuple[list[tuple[Array, Tensor]], Tensor]:
    """The input of each layer, [slots, inputs], with its result, [rows, length, outputs]; and the logits."""
    calls: list[tuple[nn.Linear, Tensor, Tensor]] = []

    def remember(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        if isinstance(module, nn.Linear):
            calls.append((module, given[0], result))

    linear = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    hooks = [module.register_forward_hook(remember) for module in linear]
    batch = placed.batch
    try:
        logits: Tensor = encoder(*map(torch.from_numpy, (batch.input_ids, batch.position_ids, batch.segment_ids)))
    finally:
        for hook in hooks:
            hook.remove()
    return [_call_of(layer, calls) for layer in layers], logits


def _call_of(layer: LinearLayer, calls: list[tuple[nn.Linear, Tensor, Tensor]]) -> tuple[Array, Tensor]:
    """Take the first call that multiplies by the layer's weights: layers stand in the graph as they are called."""
    while calls:
        module, given, result = calls.pop(0)
        if np.array_equal(module.weight.detach().numpy().T, layer.weights):
            return given.detach().numpy().reshape(-1, given.shape[-1]), result
    raise BugError(f"no call of {layer.name} in the encoder that its graph was made of")


def _signs(logits: Tensor, placed: Placed, chance: torch.Generator) -> Tensor:
    """1 or -1 for each logit that counts, less the mean of its slot; 0 for all others. [rows, length, labels]"""
    signs = torch.zeros(logits.shape).flatten(0, 1)
    drawn = torch.randint(0, 2, (len(placed.slots), logits.shape[-1]), generator=chance).float() * 2 - 1
    # What all labels of a word have in common changes no label.
    signs[torch.from_numpy(placed.slots)] = drawn - drawn.mean(dim=1, keepdim=True)
    return signs.view_as(logits)


def _squares(slope: Tensor, error: Tensor, placed: Placed) -> float:
    """The sum over all windows of the square of what the error of a layer moves."""
    segments, width = placed.batch.segment_ids, placed.batch.segment_ids.max() + 1
    windows = segments + width * np.arange(len(segments))[:, None]
    filled = segments != NOTHING
    moved = (slope * error).sum(dim=-1).numpy()  # [rows, length]
    return float(np.square(np.bincount(windows[filled], weights=moved[filled])).sum())
