"""The model card: the front matter that the hub reads, and sections filled from the run."""

from __future__ import annotations

import re

import pytest
from huggingface_hub import ModelCard, ModelCardData

from runtime.text.conll import Sentence
from train.corpus.load import Corpus
from train.model_card import CardFacts, model_card
from train.recipe import PRESETS
from train.score_table import Row

ROWS = (
    Row(0.1009, 1, 2809, 0.0804, 0.9299, 0.9272, 0.9286, 0.982),
    Row(0.0443, 2, 5618, 0.0653, 0.9466, 0.9491, 0.9479, 0.9862),
)
CORPUS = Corpus("own/corpus", (Sentence(("Anna", "Lund"), ("B-PER", "I-PER")),), (Sentence(("Oslo",), ("B-LOC",)),))
FACTS = CardFacts(
    name='a "quoted": name',
    base="own/base",
    license="apache-2.0",
    labels=CORPUS.labels,
    longest=512,
    device="cpu",
)


@pytest.fixture(scope="module")
def card() -> str:
    return model_card(PRESETS["conll2003-bert-large-cased"], CORPUS, ROWS, FACTS)


def test_the_front_matter_is_what_the_hub_reads(card: str) -> None:
    data = ModelCard(card).data
    assert isinstance(data, ModelCardData)
    assert (data.license, data.model_name) == ("apache-2.0", FACTS.name)
    assert data.tags == ["generated_from_trainer"]
    assert data.datasets == ["own/corpus"]
    assert data.metrics == ["precision", "recall", "f1", "accuracy"]
    results = data.eval_results or []
    assert {(result.task_type, result.task_name) for result in results} == {
        ("token-classification", "Token Classification")
    }
    assert {(result.dataset_type, result.dataset_name) for result in results} == {("own/corpus", "own/corpus")}
    values = {result.metric_type: result.metric_value for result in results}
    assert values == {"precision": 0.9466, "recall": 0.9491, "f1": 0.9479, "accuracy": 0.9862}


def test_it_has_the_sections_of_the_seed(card: str) -> None:
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == [
        "Model description",
        "Intended uses",
        "Training data",
        "Training hyperparameters",
        "Training results",
        "Framework versions",
    ]


def test_they_are_filled_from_the_run(card: str) -> None:
    assert "`own/base` fine-tuned on `own/corpus`" in card
    assert "loss 0.0653, precision 0.9466, recall 0.9491, F1 0.9479, accuracy 0.9862" in card
    assert "O, B-LOC, I-LOC, B-PER, I-PER" in card
    assert CORPUS.sha256 in card
    assert "| training | 1 | 2 |" in card
    assert "- learning rate: 3e-05" in card
    assert "- train batch: 5" in card
    assert re.search(r"^\|\s+0\.0443 \|\s+2 \|\s+5618 \|", card, re.MULTILINE)
    assert re.search(r"^- transformers \d", card, re.MULTILINE)
