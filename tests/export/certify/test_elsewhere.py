"""The second text: generated unless it is given, never the corpus itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.certify.corpus import read_text, shared_words
from export.certify.elsewhere import NAME, elsewhere_text
from runtime.bundle.gate import ELSEWHERE_EVIDENCE, LIMITED_EVIDENCE
from runtime.errors import CorpusError
from runtime.text.conll import write_conll
from train.corpus.sample import sample_corpus


def test_generated_text_is_enough_and_not_the_generated_corpus(tmp_path: Path) -> None:
    write_conll(sample_corpus(train=0, valid=400)[1], tmp_path / "valid.txt")
    corpus = read_text(tmp_path, most=0)
    text = elsewhere_text(Path(), corpus)
    assert (text.name, text.least) == (NAME, ELSEWHERE_EVIDENCE)
    assert sum(map(len, text.words)) > 40_000
    assert shared_words(corpus.words, text) < 0.01
    assert text.sha256 == elsewhere_text(Path(), corpus).sha256


def test_little_is_generated_where_little_is_asked_for(tmp_path: Path) -> None:
    write_conll(sample_corpus(train=0, valid=20)[1], tmp_path / "valid.txt")
    text = elsewhere_text(Path(), read_text(tmp_path, most=0), limited=True)
    assert (len(text.sentences), text.least) == (20, LIMITED_EVIDENCE)


def test_the_corpus_itself_is_not_elsewhere(tmp_path: Path) -> None:
    write_conll(sample_corpus(train=0, valid=50)[1], tmp_path / "valid.txt")
    corpus = read_text(tmp_path, most=0)
    with pytest.raises(CorpusError, match=r"100\.0% of its words are in sentences of"):
        elsewhere_text(tmp_path, corpus)
    other = tmp_path / "other.txt"
    write_conll(sample_corpus(seed=3, train=0, valid=50)[1], other)
    assert elsewhere_text(other, corpus).name == str(other)
