"""A tagger without a model, for tests of everything around it: a real Tagger on the backend fake.

It knows twelve words. "Maria" and "Lund" are B-PER, "Keller" is I-PER, "Oslo" B-LOC; every other word is O.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from runtime.backends.fake import Fake
from runtime.batch.windowing import DEFAULT_WINDOWING, Windowing
from runtime.encode.tokenizer import Encoder
from runtime.tag.request import Request
from runtime.tagger import Tagger

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
_WORDS = {"Maria": 3, "Lund": 3, "Keller": 4, "Oslo": 1, "Bergen": 1, "flew": 0, "to": 0, "in": 0, "and": 0, ".": 0}
_SPECIAL = ("[UNK]", "[CLS]", "[SEP]")
_MAX_LENGTH = 32


def open_stand_in(folder: Path, *, windowing: Windowing = DEFAULT_WINDOWING, remember: int = 0) -> Tagger:
    """The tagger; its tokenizer.json is written into `folder`."""
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *_WORDS))}
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(vocabulary)), encoding="utf-8")
    labels = np.array([0] * len(_SPECIAL) + list(_WORDS.values()))
    return Tagger(
        Encoder(folder / "tokenizer.json"),
        LABELS,
        Fake(len(LABELS), lambda ids: labels[ids]),
        max_length=_MAX_LENGTH,
        vocabulary=len(vocabulary),
        windowing=windowing,
        remember=remember,
    )


def opener(folder: Path) -> Callable[[Request], Callable[[], Tagger]]:
    """What the main of runtime.tag takes to open a tagger with."""
    return lambda request: (
        lambda: open_stand_in(folder, windowing=request.model.windowing, remember=request.model.remember)
    )


def _tokenizer(vocabulary: dict[str, int]) -> dict[str, object]:
    special_tokens = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    special = {name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": special_tokens,
            "pair": [*special_tokens, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": special,
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
