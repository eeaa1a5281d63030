"""Checkpoints whose config.json, tokenizer_config.json or weights' header say something else, described without torch.

Right is a description that plain reading of the same JSON gives: labels in order, limits that arrays can be made for.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from runtime.bundle.checkpoint import describe, open_checkpoint
from tests.fuzz.change import changed_bytes, changed_json
from tests.fuzz.kind import Case, check

_CONFIG: dict[str, Any] = {
    "architectures": ["BertForTokenClassification"],
    "model_type": "bert",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "id2label": {"0": "O", "1": "B-PER", "2": "I-PER"},
    "label2id": {"O": 0, "B-PER": 1, "I-PER": 2},
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 300,
}
_TOKENIZER = {"model_max_length": 48, "tokenizer_class": "BertTokenizer", "do_lower_case": False}
# Where arrays end that any machine can make.
_LARGEST = 1 << 31


def open_case(folder: Path) -> Case:
    """See the module."""
    shape = {"dtype": "F32", "shape": [3, 32], "data_offsets": [0, 384]}
    weights = {"classifier.weight": shape, "classifier.bias": {**shape, "shape": [3]}, "__metadata__": {"format": "pt"}}
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")

    def case(chance: random.Random) -> None:
        config, told = _CONFIG, _TOKENIZER
        if chance.random() < 0.3:
            config = {**config, "model_type": chance.choice(("roberta", "mpnet", "deberta-v2", "longformer"))}
        if chance.random() < 0.8:
            config = changed_json(config, chance)
        if chance.random() < 0.4:
            told = changed_json(told, chance)
        header = json.dumps(changed_json(weights, chance) if chance.random() < 0.1 else weights).encode()
        packed = len(header).to_bytes(8, "little") + header + bytes(384)
        if chance.random() < 0.1:
            packed = changed_bytes(packed, chance)
        (folder / "model.safetensors").write_bytes(packed)
        raw = json.dumps(config).encode()
        if chance.random() < 0.15:
            raw = changed_bytes(raw, chance)
        (folder / "config.json").write_bytes(raw)
        (folder / "tokenizer_config.json").write_bytes(json.dumps(told).encode())
        found = describe(folder)
        _check(found, json.loads(raw))
        if chance.random() < 0.1:
            check(open_checkpoint(folder).labels == found.labels, "opened with other labels", found)

    return case


def _check(found: Any, config: Any) -> None:
    check(1 <= found.max_length <= _LARGEST, "max_length", found)
    check(1 <= found.vocabulary <= _LARGEST, "vocabulary", found)
    check(isinstance(found.architecture, str), "architecture", found)
    named = config["id2label"]
    check(isinstance(named, dict), "labels that are no object", named)
    expected = {int(index): label for index, label in named.items()}
    check(list(found.labels) == [expected[index] for index in range(len(expected))], "labels", found, named)
    check(all(isinstance(label, str) for label in found.labels) and "O" in found.labels, "names of labels", found)
    check(found.max_length <= config["max_position_embeddings"], "longer than the table of positions", found)
