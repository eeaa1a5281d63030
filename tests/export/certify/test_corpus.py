"""Text to certify on: how much there is, and that it is not the text that anything was fitted to."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from export.certify.corpus import (
    MOST_SHARED,
    NO_TEXT,
    Text,
    check_evidence,
    counted,
    entities_by_type,
    read_text,
    shared_words,
    spread,
    text_of,
    training_sentences,
)
from runtime.bundle.gate import EVIDENCE, LIMITED_EVIDENCE, Evidence
from runtime.errors import CorpusError, UsageError
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


TWO = [Sentence(("Ada", "Byron"), ("B-PER", "I-PER")), Sentence(("in", "Paris"), ("O", "B-LOC"))]


def test_a_text_is_known_by_its_name_its_words_and_its_labels(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "corpus", TWO)
    text = read_text(folder, most=0)
    assert (text.name, text.sentences, text.least) == (str(folder / "valid.txt"), tuple(TWO), EVIDENCE)
    assert text.words == [("Ada", "Byron"), ("in", "Paris")]
    assert text.gold == [("B-PER", "I-PER"), ("O", "B-LOC")]
    written = "Ada B-PER\nByron I-PER\n\nin O\nParis B-LOC\n\n"
    assert text.sha256 == hashlib.sha256(written.encode()).hexdigest()
    assert read_text(folder / "valid.txt", most=0) == text
    assert read_text(folder, most=0, limited=True) == replace(text, least=LIMITED_EVIDENCE)
    assert read_text(folder, most=1).sentences == (TWO[0],)
    assert read_text(folder, most=9).sentences == text.sentences
    assert Text("", "", ()) == NO_TEXT


def test_gold_labels_are_in_bio_whatever_the_file_has(tmp_path: Path) -> None:
    labels = LabelSet(("O", "S-LOC", "B-PER", "E-PER"))
    spelled = [Sentence(("Ada", "Byron", "Oslo"), ("B-PER", "E-PER", "S-LOC"))]
    bio = (Sentence(("Ada", "Byron", "Oslo"), ("B-PER", "I-PER", "B-LOC")),)
    assert read_text(corpus(tmp_path / "corpus", spelled), most=0, labels=labels).sentences == bio
    text = text_of("here", spelled, LIMITED_EVIDENCE, labels)
    assert (text.name, text.sentences, text.least) == ("here", bio, LIMITED_EVIDENCE)
    # By the names of its labels alone, PER-B says nothing of an entity PER.
    odd = LabelSet(("O", "PER-B", "PER-I"))
    assert text_of("here", [Sentence(("Ada",), ("PER-B",))], EVIDENCE, odd).gold == [("B-PER",)]


def test_what_cannot_be_read_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"-1; give a number of sentences") as usage:
        read_text(tmp_path, most=-1)
    assert usage.value.subject == "--sentences"
    for path, file in ((tmp_path, tmp_path / "valid.txt"), (tmp_path / "a.txt", tmp_path / "a.txt")):
        with pytest.raises(CorpusError) as missing:
            read_text(path, most=0)
        assert str(missing.value) == f"{file}: there is no such file; give a CoNLL file, or a folder with a valid.txt"
    (tmp_path / "valid.txt").write_text("\n\n")
    with pytest.raises(CorpusError, match=r"valid\.txt: no sentence in it; give a CoNLL file"):
        read_text(tmp_path, most=0)
    with pytest.raises(CorpusError) as training:
        training_sentences(tmp_path)
    assert (training.value.subject, training.value.problem[:24]) == (
        str(tmp_path / "train.txt"),
        "there is no such file, a",
    )


@pytest.mark.parametrize(
    ("count", "most", "chosen"),
    [(6, 3, [0, 2, 4]), (5, 2, [0, 2]), (7, 3, [0, 2, 4]), (2, 5, [0, 1]), (3, 3, [0, 1, 2]), (4, 1, [0])],
)
def test_sentences_are_chosen_over_all_of_the_file(count: int, most: int, chosen: list[int]) -> None:
    sentences = [Sentence((str(number),), ("O",)) for number in range(count)]
    assert spread(sentences, most) == [sentences[number] for number in chosen]


def test_so_many_words_may_be_shared_and_no_more(tmp_path: Path) -> None:
    known = Sentence(("in", "Paris"), ("O", "B-LOC"))
    others = [Sentence((f"word{number}", "and"), ("O", "O")) for number in range(19)]
    fitted = corpus(tmp_path / "corpus", [known], "train.txt")
    text = text_of("valid.txt", [known, *others], EVIDENCE)
    assert shared_words([known.words], text) == MOST_SHARED == 0.05
    assert training_sentences(fitted, text) == (known.words,)
    with pytest.raises(CorpusError, match=r"5\.3% of the words of valid\.txt, which is certified on, are in its"):
        training_sentences(fitted, replace(text, sentences=text.sentences[:-1]))


def test_how_much_text_there_is() -> None:
    text = text_of("here", [*TWO, TWO[0]], EVIDENCE)
    assert counted(text) == {"sentences": 3, "left_out": 0, "distinct_sentences": 2, "words": 6}
    with pytest.raises(CorpusError) as little:
        check_evidence(text, LabelSet(LABELS), counted(text))
    assert little.value.subject == "here"
    assert little.value.problem.startswith("too little to certify on: 6 of 10,000 words, 2 of 300 distinct sentences")
