"""Values of tensors inside a graph, while it runs on text. It knows nothing of what they are wanted for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from export.graphs.copies import copy_of
from runtime.batch.batches import NOTHING, ON_CPU, Batch, packed_batches, padded_batches
from runtime.batch.windows import windows_of
from runtime.bundle.store import Layout
from runtime.encode.tokenizer import Encoder


def text_batches(
    encoder: Encoder, sentences: Sequence[Sequence[str]], *, max_length: int, most: int, layout: Layout = "packed"
) -> list[Batch]:
    """Batches of sentences, from all over the text; packed ones as the runtime makes them.

    Padded ones are no larger, so that the activations of a large model fit into memory.

    Args:
        encoder: the checkpoint's tokenizer.
        sentences: their words.
        max_length: most tokens of a window, special ones included.
        most: batches; there are fewer where the text is short.
        layout: of the batches.
    """
    encoded = encoder.encode_words(sentences)
    windows = windows_of(encoded.text_start, capacity=max_length - len(encoder.special_tokens), stride=0)
    text = encoded.ids, windows, encoder.special_tokens
    if layout == "packed":
        placed = packed_batches(*text, shortest=ON_CPU.shortest, slots=ON_CPU.slots, trim=True)
    else:
        placed = padded_batches(*text, rows=ON_CPU.padded_rows, slots=ON_CPU.slots)
    batches = [each.batch for each in placed]
    # They come sorted by the length of their windows. All lengths are wanted: the longest windows hold activations that
    # short ones never reach.
    chosen = np.linspace(0, len(batches) - 1, min(most, len(batches))).round().astype(int)
    return [batches[number] for number in chosen]


def values_in_turn(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Sequence[Batch], *, threads: int
) -> Iterator[NDArray[np.float32]]:
    """Values of one tensor after another for all batches, slots that hold nothing left out. Each: [slots, channels]

    Each is computed from those before it, as far as it depends on them: running the whole graph anew for every few
    tensors that fit into memory, as it were, costs a model of 24 layers 24 runs instead of one.

    Args:
        model: a graph; it is left as it is. Each tensor's last axis is its channels, those before rows and length.
        tensors: their names; one that another depends on comes before it.
        batches: what the graph is given.
        threads: CPUs to use.
    """
    # What stands in slots that hold nothing is never used, so that it must not decide a scale.
    filled = [batch.segment_ids != NOTHING for batch in batches]  # each: [rows, length]
    ends = np.cumsum([np.count_nonzero(each) for each in filled]).tolist()
    parts = [slice(start, end) for start, end in zip([0, *ends], ends)]
    steps = steps_to(model, tensors)
    held: dict[str, NDArray[np.float32]] = {}
    for number, step in enumerate(steps):
        session, inputs = _session(_part(model, step), [step.tensor], threads)
        values = np.empty((ends[-1], 0), np.float32)
        for batch, slots, part in zip(batches, filled, parts):
            given: dict[str, NDArray[Any]] = {}
            given |= batch.named([name for name in inputs if name not in step.reads])
            given |= {name: _spread(held[name][part], slots) for name in step.reads}
            (found,) = session.run([step.tensor], given)
            if not values.shape[1]:
                values = np.empty((ends[-1], found.shape[-1]), np.float32)
            values[part] = found[slots]
        held[step.tensor] = values
        yield values
        wanted = {name for later in steps[number + 1 :] for name in later.reads}
        held = {name: each for name, each in held.items() if name in wanted}


@dataclass(frozen=True, slots=True)
class Step:
    """How a tensor is computed.

    Attributes:
        tensor: its name.
        reads: tensors of earlier steps that it is computed from.
        nodes: numbers of the nodes that do it, in the order of the graph.
    """

    tensor: str
    reads: tuple[str, ...]
    nodes: tuple[int, ...]


def steps_to(model: onnx.ModelProto, tensors: Sequence[str]) -> list[Step]:
    """How to compute each tensor from those before it, and, where these do not suffice, from the graph's inputs."""
    makers = {name: number for number, node in enumerate(model.graph.node) for name in node.output}
    steps: list[Step] = []
    known: set[str] = set()
    for tensor in tensors:
        nodes, reads, open_names = set[int](), set[str](), [tensor]
        while open_names:
            name = open_names.pop()
            if name in known:
                reads.add(name)
            elif name in makers and makers[name] not in nodes:
                nodes.add(makers[name])
                open_names += model.graph.node[makers[name]].input
        steps.append(Step(tensor, tuple(sorted(reads)), tuple(sorted(nodes))))
        known.add(tensor)
    return steps


def _part(model: onnx.ModelProto, step: Step) -> onnx.ModelProto:
    """The part of a graph that makes a step."""
    nodes = [model.graph.node[number] for number in step.nodes]
    read = {name for node in nodes for name in node.input}
    given = [each for each in model.graph.input if each.name in read]
    # Without a shape, as behind attention in the whole graph: ONNX Runtime then fuses what it fuses there, and values
    # are the same to the last bit.
    given += [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in step.reads]
    weights = [each for each in model.graph.initializer if each.name in read]
    graph = onnx.helper.make_graph(nodes, "part", given, [], weights)
    return onnx.helper.make_model(graph, ir_version=model.ir_version, opset_imports=list(model.opset_import))


def _spread(values: NDArray[np.float32], slots: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values where they were in the batch, with 0 in slots that hold nothing. [rows, length, channels]"""
    whole = np.zeros((*slots.shape, values.shape[1]), np.float32)
    whole[slots] = values
    return whole


def largest(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Iterable[Batch], *, threads: int
) -> dict[str, float]:
    """The largest absolute value of each tensor over all batches, whatever its axes are."""
    found = dict.fromkeys(tensors, 0.0)
    session, inputs = _session(model, tensors, threads)
    for batch in batches:
        for name, value in zip(tensors, session.run(list(tensors), batch.named(inputs))):
            found[name] = max(found[name], float(np.abs(value).max(initial=0)))
    return found


def _session(
    model: onnx.ModelProto, tensors: Sequence[str], threads: int
) -> tuple[onnxruntime.InferenceSession, list[str]]:
    # A tensor can be read if it is an output of the graph.
    opened = copy_of(model)
    outputs = {output.name for output in opened.graph.output}
    opened.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in tensors
        if name not in outputs
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session, [node.name for node in session.get_inputs()]
