"""Corpora from CoNLL folders: columns, schemes, the order of labels, and errors that name the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.errors import CorpusError
from runtime.text.conll import Sentence
from tests.conftest import Command
from train.corpus.load import Corpus, conll_sentences, corpus_of, open_corpus

VALID = "Oslo B-LOC\n"


def _folder(tmp_path: Path, train: str, valid: str = VALID) -> Path:
    (tmp_path / "train.txt").write_text(train, encoding="utf-8")
    (tmp_path / "valid.txt").write_text(valid, encoding="utf-8")
    return tmp_path


def _train(tmp_path: Path, text: str) -> list[tuple[str, ...]]:
    return [sentence.labels for sentence in open_corpus(str(_folder(tmp_path, text))).train]


def test_two_columns_in_bio(tmp_path: Path) -> None:
    corpus = open_corpus(str(_folder(tmp_path, "-DOCSTART- O\n\nPeter B-PER\nLund I-PER\nsang O\n\nOslo B-LOC\n")))
    assert corpus.name == tmp_path.name
    assert corpus.train == (
        Sentence(("Peter", "Lund", "sang"), ("B-PER", "I-PER", "O")),
        Sentence(("Oslo",), ("B-LOC",)),
    )
    assert corpus.valid == (Sentence(("Oslo",), ("B-LOC",)),)


def test_four_columns_in_iob1(tmp_path: Path) -> None:
    text = "Peter NNP B-NP I-PER\nAnna NNP I-NP B-PER\nLund NNP I-NP I-PER\n"
    assert _train(tmp_path, text) == [("B-PER", "B-PER", "I-PER")]


def test_io(tmp_path: Path) -> None:
    assert _train(tmp_path, "Peter I-PER\nLund I-PER\nof O\nOslo I-LOC\n") == [("B-PER", "I-PER", "O", "B-LOC")]


def test_the_scheme_is_that_of_the_whole_part_and_no_entity_reaches_over_a_sentence(tmp_path: Path) -> None:
    # By itself the second sentence could be IO, one entity; the first shows that it is IOBES.
    text = "Oslo S-LOC\n\nPeter B-PER\nLund E-PER\n\nKim I-PER\n\nLund I-PER\n"
    assert _train(tmp_path, text) == [("B-LOC",), ("B-PER", "I-PER"), ("B-PER",), ("B-PER",)]


def test_labels_are_outside_and_then_the_types_in_alphabetical_order(tmp_path: Path) -> None:
    corpus = open_corpus(str(_folder(tmp_path, "Peter B-PER\n\nNorthwind B-ORG\n")))
    assert corpus.types == ("LOC", "ORG", "PER")
    assert corpus.labels == ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")


def test_the_digest_is_of_the_content() -> None:
    one = Corpus("a", (Sentence(("x", "y"), ("O", "B-PER")),), (Sentence(("z",), ("O",)),))
    other = Corpus("b", one.train, one.valid)
    swapped = Corpus("a", one.valid, one.train)
    assert one.sha256 == other.sha256 != swapped.sha256


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("Oslo B-LOC\n\nPeter B-PER\nLund NNP\n", 4, "'NNP' where a label"),
        ("-DOCSTART- O\n\nOslo B-LOC\nLund B-\n", 4, "'B-' where a label"),
        ("Oslo B-LOC\nLund\n", 2, "1 column where as many columns"),
    ],
)
def test_a_line_that_is_no_word_and_label_is_named(tmp_path: Path, text: str, line: int, expected: str) -> None:
    folder = _folder(tmp_path, text)
    with pytest.raises(CorpusError, match=expected) as caught:
        open_corpus(str(folder))
    assert str(caught.value).startswith(f"{folder / 'train.txt'}:{line}: ")


def test_the_last_line_is_named_with_and_without_its_line_end(tmp_path: Path) -> None:
    for end in ("", "\n", "\n\n"):
        (tmp_path / "train.txt").write_text(f"Oslo B-LOC\nLund PER{end}", encoding="utf-8")
        with pytest.raises(CorpusError, match=r"train\.txt:2:"):
            conll_sentences(tmp_path / "train.txt")


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ("", "training part.*no sentence"),
        ("the O\n", "training part.*no label but O"),
        ("Oslo B-LOC\nLund X-PER\n", r"train\.txt:2: 'X-PER' where a label"),
        ("Oslo E-LOC\nLund S-PER\n", "no known scheme"),
    ],
)
def test_a_part_to_learn_nothing_from_is_refused(tmp_path: Path, train: str, expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        open_corpus(str(_folder(tmp_path, train)))


def test_a_missing_part_or_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(VALID, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"valid\.txt: No such file"):
        open_corpus(str(tmp_path))
    with pytest.raises(CorpusError, match="no such folder; give a folder with"):
        open_corpus(str(tmp_path / "nowhere"))


def test_the_sample_is_a_corpus() -> None:
    corpus = open_corpus("sample")
    assert corpus.types == ("LOC", "MISC", "ORG", "PER")
    assert len(corpus.train) >= 3000


def test_a_part_is_given_as_sentences_too() -> None:
    sentences = [Sentence(("Oslo",), ("I-LOC",))]
    assert corpus_of("own", sentences, sentences).train[0].labels == ("B-LOC",)


def test_the_plan_of_the_seed_recipe_on_conll_2003(conll: Path, command: Command) -> None:
    done = command("train", "--preset", "conll2003-bert-large-cased", "--corpus", conll, "--plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "sentences": 14041,
        "valid_sentences": 3250,
        "steps_per_epoch": 2809,
        "steps": 11236,
    }
