"""The table of strides: documents of whole sentences, tagged in windows, scored on their sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.strides import documents
from bench.strides import main as strides
from tests.bench.fakes import corpus


def test_documents_hold_all_sentences_in_order_and_enough_words() -> None:
    sentences = corpus(10)
    joined = documents(sentences, 12)
    assert [sentence for document in joined for sentence in document] == list(sentences)
    assert all(sum(len(sentence.words) for sentence in document) >= 12 for document in joined[:-1])


def test_the_table_ends_in_json(tiny_bundle: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert strides([str(tiny_bundle), "--corpus", str(tiny_corpus)]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["sentences"] == 1000
    # Sentences alone are the same under every stride.
    assert len({row["alone"] for row in told["f1"].values()}) == 1
