"""What is compared runs one checkpoint: what it is, how long its texts are in tokens, what a token costs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.workloads.bert_large import BERT_LARGE
from bench.workloads.texts import Workload
from runtime.bundle.store import MANIFEST, TOKENIZER, Bundle
from runtime.encode.tokenizer import Encoder


@dataclass(frozen=True, slots=True)
class Subject:
    """The checkpoint under test and its bundle.

    Attributes:
        checkpoint: its folder.
        labels: names in the order of the logits.
        max_length: most tokens of a row, special ones included.
        encoder: its tokenizer.
        flops: of the matrix products of one token; 0 where its shape is not known. large_flops: of bert-large.
        bundle_card, checkpoint_card: for the report.
    """

    checkpoint: Path
    labels: tuple[str, ...]
    max_length: int
    encoder: Encoder
    flops: float
    large_flops: float
    bundle_card: dict[str, Any]
    checkpoint_card: dict[str, Any]

    def tokens(self, workload: Workload) -> int:
        """Tokens of the texts, each with the special ones of one row."""
        encoded = self.encoder.encode_words([text.tokens for text in workload.texts])
        return len(encoded.ids) + len(self.encoder.special_tokens) * len(workload.texts)


def subject_of(bundle: Bundle, checkpoint: Path) -> Subject:
    """Of an opened bundle and its checkpoint."""
    manifest = bundle.manifest
    config = json.loads(bundle.file("config.json").read_text(encoding="utf-8"))
    return Subject(
        checkpoint=checkpoint,
        labels=manifest.labels,
        max_length=manifest.max_length,
        encoder=Encoder(bundle.file(TOKENIZER)),
        flops=flops_per_token(config),
        large_flops=_flops(BERT_LARGE.layers, BERT_LARGE.hidden, BERT_LARGE.inner),
        bundle_card={
            "manifest_sha256": hashlib.sha256(bundle.file(MANIFEST).read_bytes()).hexdigest(),
            "versions": manifest.versions,
        },
        checkpoint_card={
            # The folder's own name, and nothing of where it lies.
            "name": Path(manifest.checkpoint.name).name,
            "sha256": manifest.checkpoint.sha256,
            "architecture": config.get("model_type", "unknown"),
            "layers": _first(config, "num_hidden_layers", "n_layers"),
            "hidden": _first(config, "hidden_size", "dim"),
        },
    )


def flops_per_token(config: dict[str, Any]) -> float:
    """Operations of the matrix products with weights, a token: per layer four h x h and two h x inner, 2 each.

    Left out are embeddings, attention between tokens, the classifier and everything that is no matrix product: under
    3% on sentences, more on long texts. So the share of the limit is understated, and never overstated.
    """
    layers, hidden = _first(config, "num_hidden_layers", "n_layers"), _first(config, "hidden_size", "dim")
    inner = _first(config, "intermediate_size", "hidden_dim")
    return _flops(layers, hidden, inner)


def _flops(layers: int, hidden: int, inner: int) -> float:
    return 2.0 * layers * (4 * hidden * hidden + 2 * hidden * inner)


def _first(config: dict[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)
