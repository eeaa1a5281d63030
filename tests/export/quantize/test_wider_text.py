"""Training text made strange: always the same, nothing of it empty, and tensors reach farther on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from export.quantize.activations import text_batches, values_in_turn
from export.quantize.linear_layers import linear_layers
from export.quantize.wider_text import made_strange
from runtime.bundle.store import TOKENIZER
from runtime.encode.tokenizer import Encoder
from runtime.text.conll import read_conll

SENTENCE = ("Angela", "Merkel", "visited", "Paris", ".")


def test_every_sentence_is_made_strange_in_its_turn_and_always_alike() -> None:
    found = made_strange([SENTENCE] * 8)
    assert found == made_strange([SENTENCE] * 8)
    mixed, cut, marked, numbers, letters, again, chosen, short = found
    assert [sorted(word) for word in mixed] == [sorted(word) for word in SENTENCE]
    assert mixed != list(SENTENCE)
    assert all(whole.startswith(part) and 0 < len(part) <= 3 for whole, part in zip(SENTENCE, cut))
    assert [word for word in marked if word.isalpha()] == [word for word in SENTENCE if word.isalpha()]
    assert all(set(word) <= set("0123456789.,-:/") for word in numbers)
    assert all(word.isalpha() and word.islower() for word in letters)
    assert len(set(again)) == 1
    assert set(again) | set(chosen) <= set(SENTENCE)
    assert len(chosen) == len(SENTENCE)
    assert tuple(short) == SENTENCE[:2]


def test_a_sentence_without_words_stays_one() -> None:
    assert all(words == [] for words in made_strange([()] * 6))


def test_tensors_reach_farther_on_it(tiny_bundle: Path, tiny_corpus: Path) -> None:
    ordinary = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    model, encoder = onnx.load(tiny_bundle / "packed-fp32.onnx"), Encoder(tiny_bundle / TOKENIZER)
    tensors = list(dict.fromkeys(layer.input for layer in linear_layers(model)))
    reach = []
    for text in (ordinary, made_strange(ordinary)):
        batches = text_batches(encoder, text, max_length=64, most=16)
        values = values_in_turn(model, tensors, batches, threads=1)
        reach.append(np.concatenate([np.ptp(each, axis=0) for each in values]))
    assert np.mean(reach[1] > reach[0]) > 0.5
