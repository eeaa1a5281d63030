"""How far each layer moves the logits: what one pass says of all of them, held against a run of each by itself."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from export.graphs.packed import packed_encoder, packed_from_checkpoint
from export.quantize.linear_layers import CLASSIFIER, LinearLayer, linear_layers
from export.quantize.mixed_precision import TuningSplit
from export.quantize.movement import movements
from export.torch_model import load_model
from runtime.batch.batches import Placed
from runtime.bundle.store import TOKENIZER
from runtime.errors import BugError
from runtime.text.conll import read_conll
from tests.tiny import LABELS, tiny_checkpoint

Array = NDArray[np.float32]
# Weights are rounded to multiples of this: coarse enough to move logits, and small beside the weights.
STEPS = {"query": 0.1, "up": 0.02, "down": 0.005}


def text_for(checkpoint: Path, corpus: Path) -> list[Placed]:
    sentences = [sentence.words for sentence in read_conll(corpus / "train.txt")]
    return [*TuningSplit(checkpoint / TOKENIZER, sentences, max_length=64, labels=len(LABELS)).ranking_text()]


@pytest.fixture(scope="module")
def text(tiny_model: Path, tiny_corpus: Path) -> list[Placed]:
    return text_for(tiny_model, tiny_corpus)


def made(checkpoint: Path, folder: Path) -> tuple[nn.Module, list[LinearLayer]]:
    """What the graph is traced from, and the graph's layers."""
    model = load_model(checkpoint)
    packed_from_checkpoint(model, folder / "packed.onnx")
    layers = [layer for layer in linear_layers(onnx.load(folder / "packed.onnx")) if CLASSIFIER not in layer.name]
    return packed_encoder(model), layers


def rounded(layer: LinearLayer) -> Array:
    """The weights as a coarse number format would store them; some layers' exactly."""
    step = next((step for part, step in STEPS.items() if f"/{part}/" in layer.name), 0.0)
    weights: Array = np.round(layer.weights / step) * np.float32(step) if step else layer.weights
    return weights


def quantized(layer: LinearLayer, values: Array) -> Array:
    result: Array = values @ rounded(layer) + layer.bias
    return result


def logits(encoder: nn.Module, text: list[Placed]) -> Array:
    """Of the words, against each other. [words, labels]"""
    found = []
    for placed in text:
        batch = placed.batch
        arrays = (batch.input_ids, batch.position_ids, batch.segment_ids)
        with torch.inference_mode():
            found.append(encoder(*map(torch.from_numpy, arrays)).flatten(0, 1).numpy()[placed.slots])
    each = np.concatenate(found)
    centered: Array = each - each.mean(axis=1, keepdims=True)
    return centered


def test_one_pass_says_what_a_run_of_each_layer_would(tiny_model: Path, text: list[Placed], tmp_path: Path) -> None:
    encoder, layers = made(tiny_model, tmp_path)
    found = movements(encoder, layers, quantized, text, threads=1)
    assert [*found] == [layer.name for layer in layers]
    expected = logits(encoder, text)
    for layer in layers:
        alone = copy.deepcopy(encoder)
        module = alone.get_submodule(layer.name.strip("/").replace("/MatMul", "").replace("/", "."))
        module.weight = nn.Parameter(torch.from_numpy(rounded(layer).T.copy()))
        moved = float(np.square(logits(alone, text) - expected).mean())
        # Two samples of each of some 200 windows: a tenth more or less is chance.
        assert found[layer.name] == pytest.approx(moved, rel=0.35, abs=1e-12), layer.name
    assert sum(moved > 1e-12 for moved in found.values()) == 2 * len(STEPS)


def test_the_same_text_gives_the_same_numbers(tiny_model: Path, text: list[Placed], tmp_path: Path) -> None:
    encoder, layers = made(tiny_model, tmp_path)
    assert movements(encoder, layers, quantized, text, threads=1) == movements(
        encoder, layers, quantized, text, threads=1
    )


def test_layers_that_share_their_weights_are_told_apart(tiny_corpus: Path, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "model", architecture="albert")
    encoder, layers = made(checkpoint, tmp_path)
    found = movements(encoder, layers, quantized, text_for(checkpoint, tiny_corpus)[:1], threads=1)
    downs = [moved for name, moved in found.items() if "/down/" in name]
    assert len(downs) == 2
    assert downs[0] != downs[1]


def test_a_graph_of_another_model_is_refused(tiny_model: Path, text: list[Placed], tmp_path: Path) -> None:
    encoder, layers = made(tiny_model, tmp_path)
    with torch.no_grad():
        next(each for each in encoder.modules() if isinstance(each, nn.Linear)).weight[0, 0] += 1
    with pytest.raises(BugError, match=r"no call of /layers\.0/"):
        movements(encoder, layers, quantized, text, threads=1)


def test_words_count_by_their_first_token_and_nothing_else(text: list[Placed], tiny_corpus: Path) -> None:
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    words = sum(len(each) for number, each in enumerate(sentences) if number % 5)
    assert sum(len(placed.slots) for placed in text) == words
    for placed in text:
        assert (placed.batch.segment_ids.ravel()[placed.slots] >= 0).all()
