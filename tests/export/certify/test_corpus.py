"""Text to certify on: how much there is, and that it is not the text that anything was fitted to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from export.certify.corpus import check_evidence, counted, entities_by_type, read_text, shared_words, training_sentences
from runtime.bundle.gate import EVIDENCE, LIMITED_EVIDENCE, Evidence
from runtime.errors import CorpusError
from runtime.text.conll import Sentence, write_conll
from runtime.text.label_schemes import LabelSet
from tests.conftest import random_sentences
from tests.tiny import LABELS


def corpus(folder: Path, sentences: list[Sentence], name: str = "valid.txt") -> Path:
    folder.mkdir(exist_ok=True)
    write_conll(sentences, folder / name)
    return folder


def test_a_corpus_as_the_tests_have_it_is_enough(tiny_corpus: Path) -> None:
    text = read_text(tiny_corpus, most=0)
    figures = counted(text)
    assert (figures["sentences"], figures["left_out"]) == (1000, 0)
    assert figures["words"] == sum(len(words) for words in text.words)
    assert EVIDENCE.lacks(figures, entities_by_type(text, LabelSet(LABELS))) == ()
    check_evidence(text, LabelSet(LABELS), figures)


@pytest.mark.parametrize(
    ("sentences", "found"),
    [
        ([Sentence(("\u200b",), ("O",))], "1 of 10,000 words, 1 of 300 distinct sentences, no entity of a type"),
        (random_sentences(1, seed=1) * 3000, "1 of 300 distinct sentences"),
        (random_sentences(100, seed=1), "99 of 300 distinct sentences"),
    ],
)
def test_too_little_text_says_how_much_more_is_needed(tmp_path: Path, sentences: list[Sentence], found: str) -> None:
    text = read_text(corpus(tmp_path / "corpus", sentences), most=0)
    with pytest.raises(CorpusError) as caught:
        check_evidence(text, LabelSet(LABELS), counted(text))
    assert found in str(caught.value)
    check_evidence(replace(text, least=LIMITED_EVIDENCE), LabelSet(LABELS), counted(text))


def test_each_figure_of_the_evidence_counts_by_itself() -> None:
    least = Evidence(words=5, distinct_sentences=4, entities=3, left_out=0.5)
    figures: dict[str, float | int | None] = {"words": 5, "distinct_sentences": 4, "sentences": 5, "left_out": 5}
    assert least.lacks(figures, {"PER": 3}) == ()
    assert least.lacks(figures | {"words": 4}, {"PER": 3}) == ("4 of 5 words",)
    assert least.lacks(figures | {"distinct_sentences": 3}, {"PER": 3}) == ("3 of 4 distinct sentences",)
    assert least.lacks(figures, {"PER": 3, "LOC": 2}) == ("2 of 3 LOC entities",)
    assert least.lacks(figures, {}) == ("no entity of a type that the checkpoint knows",)
    assert least.lacks(figures | {"left_out": 6}, {"PER": 3}) == (
        "55% of the sentences left out as too long, at most 50%",
    )
    assert least.lacks(figures | {"words": float("nan")}, {"PER": 3}) == ("nan of 5 words",)
    assert LIMITED_EVIDENCE.lacks({"words": 0, "distinct_sentences": 1, "sentences": 1}, {}) == ("0 of 1 words",)


def test_types_that_the_checkpoint_does_not_know_are_no_evidence(tmp_path: Path) -> None:
    sentence = Sentence(("a", "b", "c"), ("B-PER", "B-SHIP", "O"))
    text = read_text(corpus(tmp_path / "corpus", [sentence, sentence]), most=0)
    assert entities_by_type(text, LabelSet(LABELS)) == {"PER": 2}
    assert entities_by_type(text, LabelSet(("O", "B-SHIP"))) == {"SHIP": 2}


def test_text_that_was_trained_on_is_found_by_its_content(tmp_path: Path) -> None:
    sentences = random_sentences(200, seed=1)
    folder = corpus(tmp_path / "corpus", sentences)
    text = read_text(folder, most=0)
    # Another file, in another order, with one sentence more: the same text all the same.
    copied = [*random_sentences(1, seed=9), *reversed(sentences)]
    with pytest.raises(CorpusError, match=r"100\.0% of the words of .*valid\.txt, .* at most 5%"):
        training_sentences(corpus(tmp_path / "corpus", copied, "train.txt"), text)
    other = random_sentences(200, seed=2)
    few = [sentences[0], *other]
    found = training_sentences(corpus(tmp_path / "corpus", few, "train.txt"), text)
    assert found == tuple(sentence.words for sentence in few)
    assert 0 < shared_words(found, text) < 0.05
    assert shared_words(found, replace(text, sentences=(sentences[0],))) == 1


def test_neither_of_two_texts_may_be_the_one_that_was_fitted_to(tmp_path: Path) -> None:
    text = read_text(corpus(tmp_path / "corpus", random_sentences(200, seed=1)), most=0)
    fitted = corpus(tmp_path / "corpus", random_sentences(200, seed=2), "train.txt")
    away = replace(read_text(fitted / "train.txt", most=0), name="away.txt")
    assert len(training_sentences(fitted, text)) == 200
    with pytest.raises(CorpusError, match=r"100\.0% of the words of away\.txt, .* at most 5%"):
        training_sentences(fitted, text, away)
