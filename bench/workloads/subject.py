"""The checkpoint that all systems run: what it is, how many tokens a text has, how much a token computes."""

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
from runtime.errors import UsageError


@dataclass(frozen=True, slots=True)
class Subject:
    """The measured checkpoint and its bundle.

    Attributes:
        checkpoint: its folder.
        labels: names in the order of the logits.
        max_length: most tokens of a row, special tokens included.
        encoder: its tokenizer.
        flops: operations of the linear layers for one token, 2 for each MAC; 0 where its shape is not known.
        large_flops: the same for bert-large.
        bundle_facts, checkpoint_facts: for the report.
    """

    checkpoint: Path
    labels: tuple[str, ...]
    max_length: int
    encoder: Encoder
    flops: float
    large_flops: float
    bundle_facts: dict[str, Any]
    checkpoint_facts: dict[str, Any]

    def tokens(self, workload: Workload) -> int:
        """Return the tokens of all texts, each text with the special tokens of one row."""
        encoded = self.encoder.encode_words([text.tokens for text in workload.texts])
        return len(encoded.ids) + len(self.encoder.special_tokens) * len(workload.texts)


def subject_of(bundle: Bundle, checkpoint: Path) -> Subject:
    """Return the subject for an opened bundle and its checkpoint.

    Raises:
        UsageError: the checkpoint has a CRF: baselines would answer without it, and so be compared with another model.
    """
    manifest = bundle.manifest
    if manifest.crf:
        problem = "a CRF chooses its labels, and no baseline reads one"
        raise UsageError(str(bundle.path), problem, "measure its candidates with `python -m export.tune`")
    config = json.loads(bundle.file("config.json").read_text(encoding="utf-8"))
    return Subject(
        checkpoint=checkpoint,
        labels=manifest.labels,
        max_length=manifest.max_length,
        encoder=Encoder(bundle.file(TOKENIZER)),
        flops=flops_per_token(config),
        large_flops=_flops(BERT_LARGE.layers, BERT_LARGE.hidden, BERT_LARGE.inner),
        bundle_facts={
            "manifest_sha256": hashlib.sha256(bundle.file(MANIFEST).read_bytes()).hexdigest(),
            "versions": manifest.versions,
        },
        checkpoint_facts={
            # Only the name of the folder, because its path says whose machine it is.
            "name": Path(manifest.checkpoint.name).name,
            "sha256": manifest.checkpoint.sha256,
            "architecture": config.get("model_type", "unknown"),
            "layers": _first(config, "num_hidden_layers", "n_layers"),
            "hidden": _first(config, "hidden_size", "dim"),
        },
    )


def flops_per_token(config: dict[str, Any]) -> float:
    """Return the operations of the linear layers for one token: four h x h and two h x inner a layer, 2 for each MAC.

    Embeddings, attention between tokens, the classifier and everything but matrix multiplication are left out: under 3%
    on sentences, more on long texts. So a share of the roofline is never overstated.
    """
    layers, hidden = _first(config, "num_hidden_layers", "n_layers"), _first(config, "hidden_size", "dim")
    inner = _first(config, "intermediate_size", "hidden_dim")
    return _flops(layers, hidden, inner)


def _flops(layers: int, hidden: int, inner: int) -> float:
    return 2.0 * layers * (4 * hidden * hidden + 2 * hidden * inner)


def _first(config: dict[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)
