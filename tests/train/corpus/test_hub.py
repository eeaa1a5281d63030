"""Data sets that the datasets library reads: everything is found by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from runtime.errors import CorpusError
from runtime.text.conll import Sentence
from tests.conftest import ROOT
from tests.waiting import PATIENCE
from train.corpus.hub import hub_sentences, sentences_of

# Not the order of our own labels: position 1 is I-PER.
NAMES = ["B-LOC", "I-PER", "O", "B-PER"]
WORDS = [["Peter", "Lund", "sang"], ["Oslo"], []]


def _dataset(words: str, labels: str, feature: Any, values: list[list[Any]]) -> Dataset:
    features = Features({"id": Value("int64"), words: List(Value("string")), labels: List(feature)})
    return Dataset.from_dict({"id": [0, 1, 2], words: WORDS, labels: values}, features=features)


SENTENCES = [Sentence(("Peter", "Lund", "sang"), ("B-PER", "I-PER", "O")), Sentence(("Oslo",), ("B-LOC",))]


def test_class_labels_go_by_their_names() -> None:
    dataset = _dataset("tokens", "ner_tags", ClassLabel(names=NAMES), [[3, 1, 2], [0], []])
    assert sentences_of(dataset, "own") == SENTENCES


def test_labels_may_be_strings_and_columns_have_their_other_names() -> None:
    dataset = _dataset("words", "tags", Value("string"), [["B-PER", "I-PER", "O"], ["B-LOC"], []])
    assert sentences_of(dataset, "own") == SENTENCES


def test_numbers_without_names_are_refused() -> None:
    dataset = _dataset("tokens", "labels", Value("int64"), [[3, 1, 2], [0], []])
    with pytest.raises(CorpusError, match="own, column labels: labels are int64 without names"):
        sentences_of(dataset, "own")


def test_unknown_columns_are_listed() -> None:
    dataset = _dataset("text", "ner_tags", ClassLabel(names=NAMES), [[3, 1, 2], [0], []])
    with pytest.raises(CorpusError, match="no column named tokens or words among id, text, ner_tags"):
        sentences_of(dataset, "own")


def _plan(corpus: object, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "train", "--plan", "--corpus", str(corpus)],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_folder_of_parquet_files_is_read_like_a_hub_data_set(tmp_path: Path) -> None:
    dataset = _dataset("tokens", "ner_tags", ClassLabel(names=NAMES), [[3, 1, 2], [0], []])
    folder = tmp_path / "own"
    folder.mkdir()
    dataset.to_parquet(folder / "train.parquet")
    dataset.to_parquet(folder / "validation.parquet")
    done = _plan(folder, tmp_path / "home")
    assert (done.returncode, done.stderr) == (0, "")
    assert "own: LOC, PER" in done.stdout
    assert '"sentences": 2' in done.stdout


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="datasets cannot read it"):
        hub_sentences(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_one_line_without_retries(tmp_path: Path) -> None:
    done = _plan("lhoestq/conll2003", tmp_path / "home", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr == (
        "python -m train: error: lhoestq/conll2003: no such folder, and the hub cannot be reached; "
        "check the name and the network, or give a folder\n"
    )
