"""Large weights taken out of a graph and put back, so that what changes the structure copies kilobytes, not gigabytes.

While they are out, they are inputs of the graph, with their type and shape: who infers shapes or converts types finds
all that it asks for. It knows nothing of precisions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Numbers that a weight holds at least. Smaller ones cost nothing, and may be sizes that inference wants to read.
_LARGE = 1 << 14


@dataclass(frozen=True, slots=True)
class Weights:
    """What was taken out of a graph.

    Attributes:
        arrays: by name.
        order: names of all constants of the graph, in the order in which they stood: it is part of a file's digest.
    """

    arrays: dict[str, NDArray[np.float32]]
    order: tuple[str, ...]


def take_out(model: onnx.ModelProto, names: Collection[str]) -> Weights:
    """Take large weights in fp32 out of a graph, which is changed; only those of the names are."""
    graph = model.graph
    order = tuple(tensor.name for tensor in graph.initializer)
    arrays, kept = {}, []
    for tensor in graph.initializer:
        large = tensor.data_type == TensorProto.FLOAT and math.prod(tensor.dims) >= _LARGE
        if large and tensor.name in names:
            arrays[tensor.name] = numpy_helper.to_array(tensor)
            graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.dims))
        else:
            kept.append(tensor)
    _hold(graph, kept)
    return Weights(arrays, order)


def put_back(
    model: onnx.ModelProto, weights: Weights, changed: Callable[[NDArray[np.float32]], NDArray[Any]] = lambda one: one
) -> None:
    """Put weights back where they stood, each as `changed` makes it; constants that came since then go last."""
    graph = model.graph
    inputs = [each for each in graph.input if each.name not in weights.arrays]
    del graph.input[:]
    graph.input.extend(inputs)
    held = list(graph.initializer)
    held += [numpy_helper.from_array(changed(array), name) for name, array in weights.arrays.items()]
    places = {name: place for place, name in enumerate(weights.order)}
    _hold(graph, sorted(held, key=lambda tensor: places.get(tensor.name, len(places))))


def _hold(graph: onnx.GraphProto, tensors: list[TensorProto]) -> None:
    del graph.initializer[:]
    graph.initializer.extend(tensors)
