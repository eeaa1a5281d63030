"""Batches of text, and the values of tensors while a graph runs on them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from export.graphs.copies import copy_of
from export.quantize.activations import Step, largest, steps_to, text_batches, values_in_turn
from export.quantize.linear_layers import linear_layers
from runtime.batch.batches import NOTHING, Batch
from runtime.bundle.store import TOKENIZER
from runtime.encode.tokenizer import Encoder
from runtime.text.conll import read_conll


@pytest.fixture
def sentences(tiny_corpus: Path) -> list[tuple[str, ...]]:
    return [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]


@pytest.fixture
def batches(tiny_bundle: Path, sentences: list[tuple[str, ...]]) -> list[Batch]:
    return text_batches(Encoder(tiny_bundle / TOKENIZER), sentences, max_length=64, most=3)


def tokens_in(batch: Batch) -> int:
    return int(np.count_nonzero(batch.segment_ids != NOTHING))


def test_batches_come_from_all_over_the_text(tiny_bundle: Path, sentences: list[tuple[str, ...]]) -> None:
    encoder = Encoder(tiny_bundle / TOKENIZER)
    every = text_batches(encoder, sentences, max_length=64, most=1000)
    # All tokens of the text, and two special tokens around each sentence.
    assert sum(map(tokens_in, every)) == len(encoder.encode_words(sentences).ids) + 2 * len(sentences)
    few = text_batches(encoder, sentences, max_length=64, most=2)
    assert [batch.input_ids.tobytes() for batch in few] == [each.input_ids.tobytes() for each in (every[0], every[-1])]
    padded = text_batches(encoder, sentences, max_length=64, most=1000, layout="padded")
    assert sum(map(tokens_in, padded)) == sum(map(tokens_in, every))


def test_values_are_those_of_slots_that_hold_a_token(tiny_bundle: Path, batches: list[Batch]) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    before = model.SerializeToString()
    (values,) = values_in_turn(model, ["logits"], batches, threads=1)
    assert values.shape == (sum(map(tokens_in, batches)), 7)
    assert model.SerializeToString() == before


def test_each_tensor_is_computed_from_those_before_it_to_the_same_bits(tiny_bundle: Path, batches: list[Batch]) -> None:
    path = tiny_bundle / "packed-fp32.onnx"
    model = onnx.load(path)
    names = [*dict.fromkeys(layer.input for layer in linear_layers(model)), "logits"]
    steps = steps_to(model, names)
    # No node but those that make the mask and the positions runs twice.
    weights = {node.name for node in model.graph.node if node.op_type == "MatMul"} & {
        layer.name for layer in linear_layers(model)
    }
    runs = Counter(model.graph.node[number].name for step in steps for number in step.nodes)
    assert {runs[name] for name in weights} == {1}
    # The last layer's sum reads what its feed-forward layers and their residual gave, not the text.
    assert len(steps[-1].reads) == 1
    assert [len(step.reads) for step in steps[:3]] == [0, 1, 2]
    for name, values in zip(names, values_in_turn(model, names, batches, threads=1)):
        at_once = whole(model, name, batches)
        assert np.array_equal(values, at_once), name


def whole(model: onnx.ModelProto, name: str, batches: list[Batch]) -> NDArray[np.float32]:
    """A tensor's values where a token is, by the graph as it is with one output more."""
    opened = copy_of(model)
    if name != "logits":
        opened.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(opened.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = [each.name for each in session.get_inputs()]
    found = [session.run([name], batch.named(inputs))[0][batch.segment_ids != NOTHING] for batch in batches]
    return np.concatenate(found)


def test_a_tensor_that_comes_before_what_it_depends_on_is_computed_from_the_text() -> None:
    nodes = [
        onnx.helper.make_node("Relu", ["text"], ["early"], "first"),
        onnx.helper.make_node("Neg", ["early"], ["late"], "second"),
    ]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], []))
    assert steps_to(model, ["late", "early"]) == [Step("late", (), (0, 1)), Step("early", (), (0,))]
    assert steps_to(model, ["early", "late"]) == [Step("early", (), (0,)), Step("late", ("early",), (1,))]


def test_largest_value_counts_every_slot(tiny_bundle: Path, batches: list[Batch]) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    inside = next(node.output[0] for node in model.graph.node if node.op_type == "Softmax")
    found = largest(model, ["logits", inside], batches, threads=1)
    assert 0 < found[inside] <= 1
    (values,) = values_in_turn(model, ["logits"], batches, threads=1)
    assert found["logits"] >= np.abs(values).max()
