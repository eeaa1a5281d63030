"""bert-large's true shape with random weights: speed depends on the shape only, so no checkpoint has to be fetched.

The checkpoint and its bundle are made once and kept. Random weights say nothing about accuracy. So the bundle holds no
certificates, its candidates run uncertified, and their rows have no accuracy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure.jobs import Session
from bench.systems.baseline_files import copy_beside, make_once

if TYPE_CHECKING:
    from onnx import ModelProto

WORKLOAD = "bert-large"
_LONGEST = 512
_INT8 = "packed-int8.onnx"


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a BERT; by default that of bert-large-cased."""

    hidden: int = 1024
    layers: int = 24
    heads: int = 16
    inner: int = 4096
    vocabulary: int = 28996


BERT_LARGE = Shape()


def make_large(session: Session, tokenizer_of: Path, folder: Path, shape: Shape = BERT_LARGE) -> None:
    """Make folder/checkpoint and folder/bundle, unless they exist. A job.

    Args:
        tokenizer_of: a checkpoint whose tokenizer and labels are taken.
        folder: where to make them.
        shape: of the model.
    """
    make_once(folder, lambda new: _fill(tokenizer_of, new, shape))


def _fill(tokenizer_of: Path, folder: Path, shape: Shape) -> None:
    import torch
    import transformers

    # Labels and tokenizer of a checkpoint that is there: texts then have their true number of tokens.
    given = json.loads((tokenizer_of / "config.json").read_text(encoding="utf-8"))
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    copy_beside(tokenizer_of, checkpoint)
    config = transformers.BertConfig(
        # A larger vocabulary only adds rows to the embedding table; it adds no computation.
        vocab_size=max(shape.vocabulary, int(given["vocab_size"])),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=_LONGEST,
        id2label={int(index): label for index, label in given["id2label"].items()},
        label2id=given["label2id"],
    )
    # The same weights every time, so that two benchmarks time the same bundle.
    torch.manual_seed(0)
    transformers.BertForTokenClassification(config).save_pretrained(checkpoint)
    _bundle(checkpoint, folder / "bundle")


def _bundle(checkpoint: Path, folder: Path) -> None:
    """Make a sealed bundle without certificates: fp32 in both layouts (bf16 is computed from them, too) and int8."""
    import onnx

    from export.graphs.packed import packed_from_checkpoint
    from export.graphs.padded import padded_from_checkpoint
    from export.graphs.shared_weights import share_weights
    from export.pipeline import PACKED, PADDED, WEIGHTS, seal_uncertified
    from export.torch_model import load_model
    from runtime.bundle.checkpoint import open_checkpoint

    folder.mkdir()
    model = load_model(checkpoint)
    packed = packed_from_checkpoint(model, folder / PACKED)
    onnx.save(_in_int8(onnx.load(folder / PACKED)), folder / _INT8)
    graphs = (padded_from_checkpoint(model, folder / PADDED), packed, replace(packed, file=_INT8, precision="int8"))
    share_weights([folder / graph.file for graph in graphs], folder / WEIGHTS)
    seal_uncertified(folder, open_checkpoint(checkpoint, name=WORKLOAD), graphs)


def _in_int8(model: ModelProto) -> ModelProto:
    """Quantize all linear layers but the classifier, to the nearest value: fitting would not change the speed.

    Every channel gets a scale and a center of its own, as in export.quantize.int8, because these do take time. Random
    weights have no outlier channels.
    """
    import numpy as np

    from export.quantize.gptq import LARGEST, to_nearest
    from export.quantize.linear_layers import CLASSIFIER, InputQuantization, in_int8, linear_layers

    inputs, layers = {}, {}
    for layer in linear_layers(model):
        if CLASSIFIER in layer.name:
            continue
        channels = len(layer.weights)
        scale = np.linspace(0.5, 1, channels, dtype=np.float32)
        inputs[layer.input] = InputQuantization(np.full(channels, 0.01, np.float32), scale, 8 / LARGEST)
        layers[layer.name] = to_nearest(layer, inputs[layer.input])
    return in_int8(model, inputs, layers)
