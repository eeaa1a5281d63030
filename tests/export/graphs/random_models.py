"""Models of every architecture whose rows can be packed, with every parameter drawn at random.

Those of tests.tiny are as training begins with them: their biases are 0. The exporter writes equal constants once, so
that biases of 0 that were exchanged, or forgotten, would show nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import transformers as hf

from runtime.bundle.store import Graph

VOCABULARY, POSITIONS, _LABELS = 90, 40, 5
BERT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": POSITIONS,
}
_ROBERTA = {**BERT, "max_position_embeddings": POSITIONS + 2, "pad_token_id": 1, "type_vocab_size": 1}
CONFIGS: dict[str, hf.PretrainedConfig] = {
    "bert": hf.BertConfig(**BERT),
    "bert of another activation": hf.BertConfig(**BERT, hidden_act="gelu_new"),
    "electra": hf.ElectraConfig(**BERT, embedding_size=16),
    "roberta": hf.RobertaConfig(**_ROBERTA),
    "xlm-roberta": hf.XLMRobertaConfig(**_ROBERTA),
    "camembert": hf.CamembertConfig(**_ROBERTA),
    "albert": hf.AlbertConfig(**BERT, embedding_size=16),
    "mpnet": hf.MPNetConfig(**{**_ROBERTA, "pad_token_id": 1}),
    "distilbert": hf.DistilBertConfig(
        vocab_size=VOCABULARY, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=POSITIONS
    ),
}


def model_of(config: hf.PretrainedConfig) -> hf.PreTrainedModel:
    """A model with every parameter drawn at random, so that none of them can be forgotten or exchanged unseen."""
    config.num_labels = _LABELS
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: hf.PreTrainedModel = hf.AutoModelForTokenClassification.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.3)
    model.train(False)
    return model


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed graph in fp32, which is only read."""

    file: Path
    graph: Graph
