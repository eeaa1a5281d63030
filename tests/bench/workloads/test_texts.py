"""Workloads: seeded, hashed, and scored on the words that they were made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.workloads.texts import (
    LONGEST_DOCUMENT,
    SHORTEST_DOCUMENT,
    documents_of,
    read_corpus,
    sentences_of,
    single_texts,
    texts_of_file,
)
from runtime.errors import CorpusError, TextError
from tests.bench.fakes import corpus, workload


def test_the_hash_changes_when_a_byte_does() -> None:
    whole = workload()
    seen = {whole.sha256}
    for index, text in enumerate(whole.texts):
        for place in (0, len(text.text) // 2, len(text.text) - 1):
            changed = text.text[:place] + "#" + text.text[place + 1 :]
            texts = (*whole.texts[:index], replace(text, text=changed), *whole.texts[index + 1 :])
            seen.add(replace(whole, texts=texts).sha256)
    assert len(seen) == 1 + 3 * len(whole.texts)


def test_the_hash_sees_gold_order_and_where_a_text_ends() -> None:
    whole = workload()
    first = whole.texts[0]
    gold = replace(whole, texts=(replace(first, gold=("O",) * 5), *whole.texts[1:]))
    assert len({whole.sha256, gold.sha256, replace(whole, texts=whole.texts[::-1]).sha256}) == 3
    assert workload().sha256 == whole.sha256


def test_words_are_found_where_the_text_has_them() -> None:
    for text in workload().texts:
        assert text.tokens == tuple(text.text.split(" "))
        assert len(text.gold) == len(text.words)


def test_sentences_are_drawn_by_seed_and_kept_in_order() -> None:
    chosen = sentences_of(corpus(), 10, seed=3)
    assert chosen == sentences_of(corpus(), 10, seed=3) != sentences_of(corpus(), 10, seed=4)
    numbers = [int(text.tokens[1][1:]) for text in chosen.texts]
    assert numbers == sorted(set(numbers))
    assert len(sentences_of(corpus(), 0, seed=3).texts) == len(corpus())


def test_documents_reach_from_the_shortest_to_the_longest() -> None:
    words = [len(text.words) for text in documents_of(corpus(), 4, seed=1).texts]
    assert words[0] == pytest.approx(SHORTEST_DOCUMENT, abs=5)
    assert words[-1] == pytest.approx(LONGEST_DOCUMENT, abs=5)
    assert words == sorted(words)


@pytest.mark.parametrize("words", [1, 7, 64])
def test_single_texts_have_exactly_so_many_words(words: int) -> None:
    for text in single_texts(corpus(), words, 5, seed=1).texts:
        assert len(text.text.split()) == len(text.words) == len(text.gold) == words


def test_a_users_file_is_one_text_a_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes("Oslo, again.\r\n\n  \nGrüße aus Köln\n".encode())
    found = texts_of_file(file)
    assert found.raw == ["Oslo, again.", "Grüße aus Köln"]
    assert found.texts[0].tokens == ("Oslo", ",", "again", ".")


def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_bytes(b"fine\nnot \xff fine\n")
    with pytest.raises(TextError, match=r"broken\.txt:2: byte 0xff is not UTF-8"):
        texts_of_file(broken)
    broken.write_bytes(b"\n\n")
    with pytest.raises(CorpusError, match="no text in it"):
        texts_of_file(broken)
    with pytest.raises(CorpusError, match="there is no such file"):
        texts_of_file(tmp_path / "missing")
    with pytest.raises(CorpusError, match="there is no such file"):
        read_corpus(tmp_path)


def test_a_corpus_in_another_scheme_is_read_as_bio(tmp_path: Path) -> None:
    (tmp_path / "valid.txt").write_text("New I-LOC\nYork I-LOC\n\nOslo I-LOC\n", encoding="utf-8")
    assert [sentence.labels for sentence in read_corpus(tmp_path)] == [("B-LOC", "I-LOC"), ("B-LOC",)]
