"""Sentences as examples, and predictions as scores over every word."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from transformers import EvalPrediction, PreTrainedTokenizerFast

from runtime.text.conll import Sentence
from runtime.text.scores import score_labels
from tests.tiny import LABELS, TEXT
from train.align import IGNORED, Loss
from train.base import find_base
from train.examples import Example, Validation, examples_of
from train.model import load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> PreTrainedTokenizerFast:
    return load_tokenizer(find_base(str(tiny_model)))


def _predicted(examples: list[Example], found: list[list[int]]) -> EvalPrediction:
    """What the Trainer would hand over for a model that says `found` of each word: padded rows of tokens."""
    rows = np.full((sum(example.labeled for example in examples), 64), IGNORED)
    for row, (example, tags) in zip(rows, [pair for pair in zip(examples, found) if pair[0].labeled], strict=True):
        row[: len(example.word_ids)] = [0 if word is None else tags[word] for word in example.word_ids]
    return EvalPrediction(predictions=rows, label_ids=rows)


def test_what_does_not_fit_is_counted(tokenizer: PreTrainedTokenizerFast) -> None:
    words = ("Anna", "\u200b\u0007", "rose", "in", "Oslo", "again")
    (example,) = examples_of(tokenizer, [Sentence(words, ("B-PER", "O", "O", "O", "B-LOC", "O"))], LABELS, 5)
    assert tokenizer.convert_ids_to_tokens(example.features["input_ids"]) == ["[CLS]", "Anna", "rose", "in", "[SEP]"]
    assert example.features["labels"] == [IGNORED, LABELS.index("B-PER"), 0, 0, IGNORED]
    assert example.loss == Loss(cut=2, empty=1, sentences=1)


def test_the_scores_are_those_of_the_words(tokenizer: PreTrainedTokenizerFast) -> None:
    chance = random.Random(3)
    sentences = [Sentence(tuple(line.split()), tuple(chance.choices(LABELS, k=len(line.split())))) for line in TEXT * 5]
    examples = examples_of(tokenizer, sentences, LABELS, 64)
    found = [
        [LABELS.index(label) if chance.random() < 0.8 else chance.randrange(len(LABELS)) for label in sentence.labels]
        for sentence in sentences
    ]
    scores = Validation(sentences, examples, LABELS).scores(_predicted(examples, found))
    names = [[LABELS[tag] for tag in tags] for tags in found]
    ours = score_labels([sentence.labels for sentence in sentences], names).overall
    assert scores["precision"] == pytest.approx(ours.precision)
    assert scores["recall"] == pytest.approx(ours.recall)
    assert scores["f1"] == pytest.approx(ours.f1)
    pairs = [pair for sentence, tags in zip(sentences, names) for pair in zip(sentence.labels, tags)]
    assert scores["accuracy"] == pytest.approx(sum(gold == tag for gold, tag in pairs) / len(pairs))


def test_an_entity_that_was_cut_off_counts_as_missed(tokenizer: PreTrainedTokenizerFast) -> None:
    whole = Sentence(("Oslo", "rose", "Oslo"), ("B-LOC", "O", "B-LOC"))
    nothing = Sentence(("\u200b",), ("O",))
    examples = examples_of(tokenizer, [nothing, whole], LABELS, 4)
    assert [example.labeled for example in examples] == [False, True]
    location = LABELS.index("B-LOC")
    scores = Validation([nothing, whole], examples, LABELS).scores(_predicted(examples, [[0], [location, 0, location]]))
    assert scores == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "accuracy": 0.75}
