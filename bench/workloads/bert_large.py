"""bert-large's true shape with random weights: speed depends on the shape only, so no checkpoint has to be fetched.

The checkpoint and its bundle are made once and kept. Random weights say nothing about accuracy. So the bundle holds no
certificates, its candidates run uncertified, and their rows have no accuracy. It does hold attestations: what share of
the work OpenVINO really does in int8.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure.jobs import Session, peak_bytes
from bench.systems.baseline_files import copy_beside, make_once

if TYPE_CHECKING:
    from onnx import ModelProto

WORKLOAD = "bert-large"
_LONGEST = 512
COSTS = "costs.json"
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


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step of making took.

    Attributes:
        step: in words.
        seconds: by the clock. cpu: of the process, all threads together.
        peak_bytes: the most memory that the process held up to the end of the step.
    """

    step: str
    seconds: float
    cpu: float
    peak_bytes: int


def make_large(session: Session, tokenizer_of: Path, folder: Path, shape: Shape = BERT_LARGE) -> None:
    """Make folder/checkpoint and folder/bundle, unless they exist. A job.

    Args:
        tokenizer_of: a checkpoint whose tokenizer and labels are taken.
        folder: where to make them.
        shape: of the model.
    """
    make_once(folder, lambda new: _fill(session, tokenizer_of, new, shape))


@contextmanager
def _noted(session: Session, costs: list[Cost], step: str) -> Iterator[None]:
    begun, cpu = time.perf_counter(), time.process_time()
    yield
    costs.append(Cost(step, time.perf_counter() - begun, time.process_time() - cpu, peak_bytes(session)))


def _fill(session: Session, tokenizer_of: Path, folder: Path, shape: Shape) -> None:
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
    costs = _bundle(session, checkpoint, folder / "bundle")
    (folder / COSTS).write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n", encoding="utf-8")


def _bundle(session: Session, checkpoint: Path, folder: Path) -> list[Cost]:
    """Make a sealed, attested bundle without certificates: fp32 in both layouts (bf16 runs them, too), and int8."""
    import onnx

    from export.certify.attest.attest_bundle import attest_all
    from export.graphs.packed import packed_from_checkpoint
    from export.graphs.padded import padded_from_checkpoint
    from export.graphs.shared_weights import share_weights
    from export.pipeline import PACKED, PADDED, WEIGHTS, seal_uncertified
    from export.torch_model import load_model
    from runtime.bundle.checkpoint import open_checkpoint
    from runtime.bundle.store import seal

    folder.mkdir()
    costs: list[Cost] = []
    with _noted(session, costs, "checkpoint opened, graphs in fp32"):
        model = load_model(checkpoint)
        packed = packed_from_checkpoint(model, folder / PACKED)
        padded = padded_from_checkpoint(model, folder / PADDED)
        del model  # two gigabytes that the next steps do not need
    with _noted(session, costs, "graph in int8"):
        onnx.save(_in_int8(onnx.load(folder / PACKED)), folder / _INT8)
    graphs = (padded, packed, replace(packed, file=_INT8, precision="int8"))
    with _noted(session, costs, "weights shared, files hashed"):
        share_weights([folder / graph.file for graph in graphs], folder / WEIGHTS)
        bundle = seal_uncertified(folder, open_checkpoint(checkpoint, name=WORKLOAD), graphs)
    with _noted(session, costs, "attested"):
        seal(folder, replace(bundle.manifest, attestations=attest_all(bundle, {})))
    return costs


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
