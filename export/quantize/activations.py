"""Values of tensors inside a graph, while it runs on text. It knows nothing of what they are wanted for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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


def activations(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Iterable[Batch], *, threads: int
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Values of those tensors for each batch, token slots that hold nothing left out. Each: [slots, channels]

    Args:
        model: a graph; it is left as it is. Each tensor's last axis is its channels, those before rows and length.
        tensors: their names.
        batches: what the graph is given.
        threads: CPUs to use.
    """
    session, inputs = _session(model, tensors, threads)
    for batch in batches:
        # What stands in slots that hold nothing is never used, so that it must not decide a scale.
        filled = (batch.segment_ids != NOTHING).ravel()
        values = session.run(list(tensors), batch.named(inputs))
        yield {name: value.reshape(-1, value.shape[-1])[filled] for name, value in zip(tensors, values)}


def sampled(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Iterable[Batch], *, threads: int
) -> dict[str, NDArray[np.float32]]:
    """The same for all batches together."""
    parts = list(activations(model, tensors, batches, threads=threads))
    return {name: np.concatenate([part[name] for part in parts]) for name in tensors}


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
