"""A chunk is answered whole, refusals among the answers, each with the number that its user counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.batch.chunks import Chunk
from runtime.batch.windowing import Windowing
from runtime.chunk_answers import Answering
from runtime.text.answer import NOTHING
from tests.runtime.tag.stand_in import open_stand_in


@pytest.fixture
def answering(tmp_path: Path) -> Answering:
    return open_stand_in(tmp_path, windowing=Windowing(long="error"))._answering


def test_a_refused_text_takes_nothing_from_its_neighbors(answering: Answering) -> None:
    answered = answering.texts(Chunk(10, ["Oslo", "Oslo " * 31, "Maria Keller"]))
    assert [[entity.text for entity in answered.found[place]] for place in (0, 2)] == [["Oslo"], ["Maria Keller"]]
    assert {place: str(error) for place, error in answered.refused.items()} == {
        1: "text 12: 31 tokens, this model takes 30 at once; split it into shorter texts, at sentence ends"
    }


def test_words_are_refused_in_the_same_way(answering: Answering) -> None:
    answered = answering.sentences(Chunk(0, [["Oslo"] * 31, ["in", "Oslo"]]))
    assert answered.found[1] == ["O", "B-LOC"]
    assert answered.refused[0].number == 1


def test_questions_of_all_kinds(answering: Answering) -> None:
    found = answering.questions(Chunk(4, [None, ["in", "Oslo"], "Oslo", "Oslo " * 31, ()])).found
    assert found[0] == NOTHING
    assert list(found[1].labels) == ["O", "B-LOC"]
    assert [entity.text for entity in found[2].entities] == ["Oslo"]
    assert found[3].refused is not None
    assert (found[4].labels, found[4].refused) == ([], None)


def test_no_text_is_too_long_where_long_ones_are_split(tmp_path: Path) -> None:
    answering = open_stand_in(tmp_path)._answering
    assert not answering.texts(Chunk(0, ["Oslo " * 31])).refused
