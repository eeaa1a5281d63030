"""fp32 graph -> the same with fp16 inside, for GPUs that compute in it. What is delicate stays in fp32.

    stays fp32      inputs and outputs; LayerNormalization and Softmax, which add many numbers up; the classifier,
                    which decides the label and is next to no work, with its weights
    becomes fp16    everything else, weights included; also ONNX Runtime's own operators, which add up in fp32 what
                    they are given in fp16 (export.graphs.ort_fusions)
    becomes -10,000 the lowest number of fp32, with which padded graphs mask what is not there
    moves           the biases of attention, in packed graphs, to where they cost a GPU least: see
                    export.graphs.attention_biases

fp16 ends at 65,504, so that a large activation becomes infinite and then NaN. Whether any comes near is measured on
text, with the fp32 graph, and recorded. It knows nothing of bundles or certificates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.attention_biases import with_moved_biases
from export.graphs.copies import copy_of
from export.graphs.weights_apart import put_back, take_out
from export.quantize.activations import largest
from export.quantize.linear_layers import CLASSIFIER
from runtime.batch.batches import Batch
from runtime.bundle.store import Graph
from runtime.errors import BundleError

LARGEST = float(np.finfo(np.float16).max)
# What the softmax turns into 0 in every precision, see export.graphs.packed; transformers' masks hold LOWEST.
_MASKED, _LOWEST = np.float32(-1e4), np.finfo(np.float32).min
_IN_FP32 = ("LayerNormalization", "Softmax")
_BLOCKED = [*DEFAULT_OP_BLOCK_LIST, *_IN_FP32]
_WITHOUT = "leave fp16 out"
# The smallest number above 0 that fp16 holds. As in the converter, what is nearer to 0 becomes it, and not 0.
_SMALLEST = np.float16(5.96e-08)


@dataclass(frozen=True, slots=True)
class Fp16:
    """An fp16 graph and how near it comes to overflowing.

    Attributes:
        graph: the file.
        largest: the largest absolute value on the text of each tensor that is fp16 now, by name.
    """

    graph: Graph
    largest: dict[str, float]

    @property
    def nearest(self) -> tuple[str, float]:
        """The tensor that comes nearest to the end of fp16, and how far it goes."""
        name = max(self.largest, key=lambda name: self.largest[name])
        return name, self.largest[name]


def fp16_from_graph(
    source: Path,
    output: Path,
    graph: Graph,
    batches: Sequence[Batch],
    *,
    threads: int,
    classifier: Literal["fp32", "fp16"] = "fp32",
    change: Callable[[ModelProto], ModelProto] | None = None,
) -> Fp16:
    """Write the fp16 graph.

    Args:
        source: the graph in fp32, of either layout.
        output: the ONNX file to write. Graphs whose weights exceed 2 GB in fp16 do not fit into it.
        graph: what the manifest says of the source, after `change`.
        batches: text in the graph's layout, to look for activations that fp16 cannot hold; empty where another
            graph was searched that has the same activations, and this one's operators run on a GPU alone.
        threads: CPUs to use.
        classifier: its precision; fp16 where the GPU multiplies in nothing wider (Turing under TensorRT for RTX).
        change: is done first, to the graph in fp32; casts of the fp16 graph would stand between what it looks for.

    Raises:
        BundleError: a constant, or an activation on that text, is beyond fp16.
    """
    model = onnx.load(source)
    if change is not None:
        model = change(model)
    elif graph.layout == "packed" and not graph.made_for:
        model = with_moved_biases(model)
    _soften_masks(model)
    _check_constants(model, source)
    # What follows copies the graph many times, which takes a minute with the weights of bert-large in it.
    weights = take_out(model, _read_in_fp16(model, classifier))
    converted = _converted(model, classifier)
    inside = _fp16_tensors(model, converted, classifier)
    onnx.checker.check_model(converted)
    put_back(converted, weights, _in_fp16)
    found = dict.fromkeys(inside, 0.0)
    if batches:
        put_back(model, weights)
        found = largest(model, inside, batches, threads=threads)
    fp16 = Fp16(replace(graph, file=output.name, precision="fp16"), found)
    name, size = fp16.nearest
    # Not "<=": NaN, too, is no number that fp16 is safe for.
    if not size < LARGEST:
        raise BundleError(str(source), f"{name} reaches {size:,.0f}, fp16 ends at {LARGEST:,.0f}", _WITHOUT)
    onnx.save(converted, output)
    return fp16


def _converted(model: onnx.ModelProto, classifier: Literal["fp32", "fp16"]) -> onnx.ModelProto:
    """A copy of the graph in fp16. Weights that were taken out become fp16 inputs."""
    in_fp32 = [node.name for node in model.graph.node if CLASSIFIER in node.name and classifier == "fp32"]
    outputs = [output.name for output in model.graph.output]
    converted: onnx.ModelProto = convert_float_to_float16(
        copy_of(model), keep_io_types=outputs, op_block_list=_BLOCKED, node_block_list=in_fp32
    )
    _drop_repeated(converted.graph)
    _drop_round_trips(converted)
    whole = OnnxModel(converted)
    whole.prune_graph()
    whole.topological_sort()  # the converter puts its casts at the end
    return converted


def _drop_round_trips(model: onnx.ModelProto) -> None:
    """Take out casts from fp32 to fp16 and back, which the converter leaves between two nodes that stay fp32.

    They cost the classifier two thirds of its precision: the mean error of MiniLM's logits was 0.00043 with them.
    """
    kinds = {value.name: value.type.tensor_type.elem_type for value in _values(model)}
    casts = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    whole = {}
    for name, node in casts.items():
        narrowed = casts.get(node.input[0])
        if narrowed is not None and kinds.get(narrowed.input[0]) == kinds.get(name) == TensorProto.FLOAT:
            whole[name] = narrowed.input[0]
    for node in model.graph.node:
        node.input[:] = [whole.get(name, name) for name in node.input]
    for output in model.graph.output:
        if output.name in whole:
            _write_directly(model.graph, casts[output.name], whole[output.name])


def _write_directly(graph: onnx.GraphProto, last: onnx.NodeProto, tensor: str) -> None:
    """Let who makes a tensor write the graph's output, which the last node made of it."""
    graph.node.remove(last)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [last.output[0] if name == tensor else name for name in names]


def _values(model: onnx.ModelProto) -> Iterable[onnx.ValueInfoProto]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return (*inferred.input, *inferred.value_info, *inferred.output)


def _drop_repeated(graph: onnx.GraphProto) -> None:
    """The converter casts a weight that several layers share once for each of them, under one name."""
    made: set[str] = set()
    for node in list(graph.node):
        if node.op_type == "Cast" and node.output[0] in made:
            graph.node.remove(node)
        made.update(node.output)


def _soften_masks(model: onnx.ModelProto) -> None:
    for _, tensor in _constants(model.graph):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.min(initial=0) == _LOWEST:
            softened = np.where(values == _LOWEST, _MASKED, values)
            tensor.CopyFrom(numpy_helper.from_array(softened, tensor.name))


def _check_constants(model: onnx.ModelProto, source: Path) -> None:
    """The converter cuts what fp16 cannot hold, without a word."""
    for name, tensor in _constants(model.graph):
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor)
            # Not through np.abs, which would copy the weights; NaN goes through both.
            size = float(np.maximum(values.max(initial=0), -values.min(initial=0)))
            if not size < LARGEST:
                raise BundleError(str(source), f"{name} holds {size:,.0f}, fp16 ends at {LARGEST:,.0f}", _WITHOUT)


def _read_in_fp16(model: onnx.ModelProto, classifier: Literal["fp32", "fp16"]) -> set[str]:
    """Names of what the nodes read that will compute in fp16."""
    nodes = (node for node in model.graph.node if node.op_type not in _BLOCKED and _is_fp16(node, classifier))
    return {name for node in nodes for name in node.input}


def _in_fp16(weight: NDArray[np.float32]) -> NDArray[np.float16]:
    """The same numbers as the converter makes, in one pass instead of a dozen. None is beyond fp16."""
    narrow = weight.astype(np.float16)
    # As whole numbers, since comparing numbers in fp16 takes longer than making them; the first bit is the sign.
    zeros = np.flatnonzero(narrow.view(np.uint16).ravel() << 1 == 0)
    given = weight.ravel()[zeros]
    narrow.ravel()[zeros] = np.where(given == 0, given, np.copysign(_SMALLEST, given))
    return narrow


def _constants(graph: onnx.GraphProto) -> Iterable[tuple[str, TensorProto]]:
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in graph.node:
        yield from ((node.name, attribute.t) for attribute in node.attribute if attribute.HasField("t"))


def _fp16_tensors(model: onnx.ModelProto, converted: onnx.ModelProto, classifier: Literal["fp32", "fp16"]) -> list[str]:
    """Activations of the graph that are fp16 in the converted one, under the names that both know."""
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    floats = {value.name for value in inferred if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    constant = {node.output[0] for node in model.graph.node if node.op_type in ("Constant", "Identity")}
    # Nodes that stay fp32 write fp32; all the others write fp16, and casts stand between them.
    fp16 = {name for node in converted.graph.node if _is_fp16(node, classifier) for name in node.output}
    cast = {node.input[0] for node in converted.graph.node if node.op_type == "Cast"}
    return sorted((floats - constant) & (fp16 | cast))


def _is_fp16(node: onnx.NodeProto, classifier: Literal["fp32", "fp16"]) -> bool:
    in_classifier = CLASSIFIER in node.name and classifier == "fp32"
    return node.op_type not in (*_IN_FP32, "Cast") and not in_classifier
