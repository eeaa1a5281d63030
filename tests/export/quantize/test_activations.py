"""Batches of text, and the values of tensors while a graph runs on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from export.quantize.activations import activations, largest, sampled, text_batches
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
    values = sampled(model, ["logits"], batches, threads=1)["logits"]
    assert values.shape == (sum(map(tokens_in, batches)), 7)
    assert model.SerializeToString() == before
    by_batch = list(activations(model, ["logits"], batches, threads=1))
    assert np.array_equal(np.concatenate([each["logits"] for each in by_batch]), values)


def test_largest_value_counts_every_slot(tiny_bundle: Path, batches: list[Batch]) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    inside = next(node.output[0] for node in model.graph.node if node.op_type == "Softmax")
    found = largest(model, ["logits", inside], batches, threads=1)
    assert 0 < found[inside] <= 1
    values = sampled(model, ["logits"], batches, threads=1)["logits"]
    assert found["logits"] >= np.abs(values).max()
