"""Tokenizers of every family with values or bytes changed, opened and asked.

Right are the tokens that the library gives for each word by itself, none of them beyond the largest id that the
embedding table is held against, and places of words that lie in the text.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoded, Encoder, clean, open_tokenizer
from tests.fuzz.change import changed_bytes, changed_json
from tests.fuzz.kind import Case, check
from tests.tiny import ARCHITECTURES

_TEXTS = (
    "Maria Keller flew to Oslo.",
    "x",
    "  e\u0301 \U0001f600 \u65e5\u672c U.S. Lund's",
    "[CLS] </s> ##a \u0120",
    "",
)
_FAMILIES = ("bert", "roberta", "xlm-roberta", "albert")


def open_case(folder: Path) -> Case:
    """See the module."""
    raws = [ARCHITECTURES[name].tokenizer().to_str() for name in _FAMILIES]
    values = [_small(json.loads(raw)) for raw in raws]
    file = folder / "tokenizer.json"

    def case(chance: random.Random) -> None:
        which = chance.randrange(len(values))
        value = values[which] if chance.random() < 0.1 else _changed(values[which], chance)
        raw = json.dumps(value).encode()
        file.write_bytes(changed_bytes(raw, chance) if chance.random() < 0.15 else raw)
        encoder = Encoder(file)
        texts = chance.sample(_TEXTS, 3)
        _check(encoder, *encoder.encode_texts(texts, sentences=True), texts)
        if chance.random() < 0.2:
            RawEncoder(file, raw=encoder.raw)

    return case


def _small(value: Any) -> Any:
    """The same with a vocabulary that is read in no time: special tokens and single characters."""
    held = value["model"]["vocab"]
    if isinstance(held, list):
        value["model"]["vocab"] = held[:60]
    return value


def _changed(value: Any, chance: random.Random) -> Any:
    """Anywhere but in the vocabulary; or only there."""
    model = value["model"]
    rest = {**value, "model": {name: each for name, each in model.items() if name not in ("vocab", "merges")}}
    if chance.random() < 0.8:
        rest = changed_json(rest, chance)
        if isinstance(rest.get("model"), dict):
            rest["model"] = {**model, **rest["model"]}
        return rest
    return {**value, "model": changed_json(model, chance)}


def _check(encoder: Encoder, encoded: Encoded, where: Any, texts: list[str]) -> None:
    special = (*encoder.special_tokens.prefix, *encoder.special_tokens.suffix)
    ids = [*encoded.ids.tolist(), *special]
    check(all(0 <= each <= encoder.largest_id for each in ids), "ids beyond the largest", ids, encoder.largest_id)
    words = [
        text[start:end]
        for number, text in enumerate(texts)
        for start, end in where[encoded.word_start[number] : encoded.word_start[number + 1]].tolist()
    ]
    library = open_tokenizer(encoder.path, spaced=True)
    alone = [library.encode([clean(word)], is_pretokenized=True, add_special_tokens=False).ids for word in words]
    check(encoded.ids.tolist() == list(itertools.chain.from_iterable(alone)), "other tokens", words)
    firsts = np.cumsum([0, *map(len, alone)])[:-1]
    expected = [int(first) if own else -1 for first, own in zip(firsts, alone)]
    check(encoded.first_token.tolist() == expected, "first tokens", encoded.first_token, expected)
