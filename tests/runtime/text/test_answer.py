"""The answer to each kind of question: entities for a text, labels for words, nothing for nothing, or a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.batch.windowing import Windowing
from runtime.errors import UsageError
from runtime.text.answer import NOTHING, Answer, Document
from tests.runtime.tag.stand_in import open_stand_in


def test_each_kind_of_question_has_its_part_of_an_answer(tmp_path: Path) -> None:
    tagger = open_stand_in(tmp_path, windowing=Windowing(long="error"))
    text, words, nothing, refused = tagger.answers(["Maria flew", ("in", "Oslo"), None, ["Oslo"] * 99])
    assert [(entity.label, entity.text) for entity in text.entities] == [("PER", "Maria")]
    assert (list(text.labels), text.refused) == ([], None)
    assert words == Answer(labels=["O", "B-LOC"])
    assert nothing == NOTHING == Answer()
    assert (list(refused.entities), list(refused.labels)) == ([], [])
    assert str(refused.refused).startswith("text 4: 99 tokens, this model takes 30 at once")


def test_a_refused_text_ends_nothing(tmp_path: Path) -> None:
    tagger = open_stand_in(tmp_path, windowing=Windowing(long="error"))
    answers = list(tagger.answers(["Oslo " * 99, "Oslo"], chunk=1))
    assert [answer.refused is None for answer in answers] == [False, True]
    assert [entity.text for entity in answers[1].entities] == ["Oslo"]


@pytest.mark.parametrize("sentences", ["Oslo", ["Oslo", "Lund"]])
def test_a_string_is_no_sentence_of_words(sentences: list[str]) -> None:
    with pytest.raises(UsageError, match="one string is given"):
        Document(sentences)
