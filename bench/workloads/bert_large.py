"""bert-large's true shape with random weights: speed is a matter of shape, and nobody need have the checkpoint.

The checkpoint and its bundle are made once and kept. Random weights say nothing of accuracy, so the bundle holds no
certificate, candidates on it run uncertified, and their rows get no accuracy.
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
    """A BERT's shape; bert-large-cased's own unless told otherwise."""

    hidden: int = 1024
    layers: int = 24
    heads: int = 16
    inner: int = 4096
    vocabulary: int = 28996


BERT_LARGE = Shape()


def make_large(session: Session, tokenizer_of: Path, folder: Path, shape: Shape = BERT_LARGE) -> None:
    """The job: folder/checkpoint and folder/bundle.

    Args:
        tokenizer_of: a checkpoint whose tokenizer is taken; its labels, too.
        folder: made if it is missing.
        shape: of the model.
    """
    make_once(folder, lambda new: _fill(tokenizer_of, new, shape))


def _fill(tokenizer_of: Path, folder: Path, shape: Shape) -> None:
    import torch
    import transformers

    given = json.loads((tokenizer_of / "config.json").read_text(encoding="utf-8"))
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    copy_beside(tokenizer_of, checkpoint)
    config = transformers.BertConfig(
        # A vocabulary that is larger than bert-large's adds rows to a table, and no work.
        vocab_size=max(shape.vocabulary, int(given["vocab_size"])),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=_LONGEST,
        id2label={int(index): label for index, label in given["id2label"].items()},
        label2id=given["label2id"],
    )
    torch.manual_seed(0)
    transformers.BertForTokenClassification(config).save_pretrained(checkpoint)
    _bundle(checkpoint, folder / "bundle")


def _bundle(checkpoint: Path, folder: Path) -> None:
    """A sealed bundle without certificates: both layouts in fp32, which bf16 is computed from, too, and int8."""
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
    """All linear_layers but the classifier in int8, rounded to the nearest: fitting it to a text would change no time.

    Every channel gets a scale and a centre of its own, as export.quantize.int8 gives them, since these do take time. Of
    random weights no channel is so large that it would be multiplied apart.
    """
    import numpy as np

    from export.quantize.gptq import LARGEST, to_nearest
    from export.quantize.linear_layers import CLASSIFIER, Rounded, in_int8, linear_layers

    rounded, chosen = {}, {}
    for product in linear_layers(model):
        if CLASSIFIER in product.name:
            continue
        inputs = len(product.weights)
        scale = np.linspace(0.5, 1, inputs, dtype=np.float32)
        rounded[product.input] = Rounded(np.full(inputs, 0.01, np.float32), scale, 8 / LARGEST)
        chosen[product.name] = to_nearest(product, rounded[product.input])
    return in_int8(model, rounded, chosen)
