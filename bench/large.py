"""bert-large's true shape with random weights: speed is a matter of shape, and nobody need have the checkpoint.

The checkpoint and its bundle are made once and kept. Random weights say nothing of accuracy, so the bundle holds no
certificate, candidates on it run uncertified, and their rows get no accuracy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.jobs import Session
from bench.peers.place import copy_beside, make_once

WORKLOAD = "bert-large"
_LONGEST = 512


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
    transformers.BertForTokenClassification(config).save_pretrained(checkpoint, safe_serialization=True)
    _bundle(checkpoint, folder / "bundle")


def _bundle(checkpoint: Path, folder: Path) -> None:
    """A sealed bundle without certificates: both layouts in fp32, which bf16 is computed from, too."""
    from export.graph import load_model, padded_from_checkpoint
    from export.make import PACKED, PADDED, WEIGHTS, seal_uncertified
    from export.packed import packed_from_checkpoint
    from export.weights import share_weights
    from runtime.bundle import Source
    from runtime.checkpoint import describe, sha256_of_checkpoint

    folder.mkdir()
    model = load_model(checkpoint)
    graphs = (padded_from_checkpoint(model, folder / PADDED), packed_from_checkpoint(model, folder / PACKED))
    share_weights([folder / graph.file for graph in graphs], folder / WEIGHTS)
    source = Source(WORKLOAD, sha256_of_checkpoint(checkpoint))
    seal_uncertified(folder, checkpoint, source, describe(checkpoint), graphs)
