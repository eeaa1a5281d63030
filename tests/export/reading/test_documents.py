"""Documents of a corpus as running text: entities and sentences lie where they are said to, in every style."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.reading.documents import STYLES, WIDTH, Document, read_documents, running, spaced, wrapped
from runtime.errors import CorpusError
from runtime.text.conll import Sentence, write_conll

SENTENCES = (
    Sentence(
        (*['"', "Anna", "Lund", "'s", "bank", "(", "in", "Oslo", ")", "fell", ",", '"', "she", "said", "."],),
        ("O", "B-PER", "I-PER", "O", "O", "O", "O", "B-LOC", "O", "O", "O", "O", "O", "O", "O"),
    ),
    Sentence(("Nobody", "was", "hurt", "!"), ("O",) * 4),
)


def _labels(document: Document) -> list[str]:
    return [" ".join(sentence.words) for sentence in document]


def test_punctuation_stands_where_people_write_it() -> None:
    assert running(SENTENCES).text == '"Anna Lund\'s bank (in Oslo) fell," she said. Nobody was hurt!'
    assert spaced(SENTENCES[1:]).text == "Nobody was hurt !"


@pytest.mark.parametrize("style", STYLES)
def test_entities_and_sentences_lie_where_they_are_said_to(style: str) -> None:
    documents = [SENTENCES, SENTENCES[1:], SENTENCES * 3]
    made = STYLES[style](documents)
    texts = [each.text[start:end] for each in made for _, start, end in each.entities]
    assert [text.replace("\n", " ") for text in texts] == ["Anna Lund", "Oslo"] * 4
    ends = [each.text[start:end][-1] for each in made for start, end in each.sentences]
    assert "".join(ends) == ".!" + "!" + ".!" * 3
    assert len(made) == (1 if style == "one text" else 3)


def test_wrapped_lines_are_full_and_no_longer_than_they_may_be() -> None:
    lines = wrapped(SENTENCES * 20).text.split("\n")
    assert max(map(len, lines)) <= WIDTH
    following = [line.split(" ")[0] for line in lines[1:]]
    assert all(len(line) + 1 + len(first) > WIDTH for line, first in zip(lines, following))


def test_documents_are_those_of_the_corpus(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text("-DOCSTART- O\n\nAnna B-PER\nleft O\n\nOslo B-LOC\n\n-DOCSTART- O\n\nNobody O\n\n-DOCSTART- O\n")
    assert [_labels(document) for document in read_documents(file)] == [["Anna left", "Oslo"], ["Nobody"]]


def test_documents_are_made_where_a_corpus_marks_none(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    write_conll(SENTENCES * 100, file)
    documents = read_documents(file)
    assert len(documents) > 5
    assert [sentence for document in documents for sentence in document] == list(SENTENCES * 100)
    assert documents == read_documents(file)


def test_a_corpus_without_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("-DOCSTART- O\n\n")
    with pytest.raises(CorpusError, match="no sentence in it"):
        read_documents(tmp_path / "train.txt")
    with pytest.raises(CorpusError, match="No such file"):
        read_documents(tmp_path / "valid.txt")
