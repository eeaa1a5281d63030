"""Items go through the tagger lazily and in order, whatever is mixed; nothing is read after a broken one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from runtime.batch.repeats import Repeats
from runtime.batch.windowing import Windowing
from runtime.errors import CorpusError
from runtime.tag.answers import LONG, LongAnswer, answers
from runtime.tag.input.item import Item
from runtime.tagger import Tagger
from runtime.text.answer import Answer, Document, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from tests.runtime.tag.stand_in import LABELS, open_stand_in


def _found(tagger: Tagger, items: list[Item], chunk: int) -> list[tuple[Item, Answer]]:
    pairs = [*answers(tagger, items, chunk=chunk, stop=False)]
    return [(item, answer) for item, answer in pairs if isinstance(answer, Answer)]


BROKEN = CorpusError("x:1", "broken", "fix it")


@pytest.fixture
def tagger(tmp_path: Path) -> Tagger:
    return open_stand_in(tmp_path, windowing=Windowing(long="error"))


def test_each_item_comes_with_its_own_answer(tagger: Tagger) -> None:
    items = [
        Item(file="x", line=1, text="Maria Keller flew to Oslo ."),
        Item(file="x", line=2, kind="filler"),
        Item(file="x", line=3, kind="words", words=("in", "Oslo")),
        Item(file="x", line=4, problem=BROKEN),
        Item(file="x", line=5, text="Bergen"),
    ]
    for chunk in (1, 2, 512):
        found = _found(tagger, items, chunk)
        assert [item for item, _ in found] == items
        entities = [[entity.text for entity in answer.entities] for _, answer in found]
        assert entities == [["Maria Keller", "Oslo"], [], [], [], ["Bergen"]]
        assert [list(answer.labels) for _, answer in found] == [[], [], ["O", "B-LOC"], [], []]


def test_a_refused_text_says_where_it_stands_and_the_rest_is_answered(tagger: Tagger) -> None:
    long = Item(file="x", line=8, kind="words", words=("Oslo",) * 99)
    items = [Item(file="x", line=7, text="Oslo"), Item(file="x", line=9, text="Oslo " * 99), long]
    (_, first), (text, _), (words, _) = _found(tagger, items, 512)
    assert [entity.text for entity in first.entities] == ["Oslo"]
    assert (
        str(text.problem)
        == "x:9: 99 tokens, this model takes 30 at once; split it into shorter texts, at sentence ends"
    )
    assert str(words.problem).startswith("x:8: 99 tokens")


def test_nothing_is_read_after_a_broken_item(tagger: Tagger) -> None:
    def items() -> Iterator[Item]:
        yield Item(file="x", line=1, text="Oslo")
        yield Item(file="x", line=2, problem=BROKEN)
        raise AssertionError("read on")

    (_, answer), (last, _) = answers(tagger, items(), chunk=512, stop=True)
    assert isinstance(answer, Answer)
    assert [entity.text for entity in answer.entities] == ["Oslo"]
    assert last.problem is BROKEN


def test_a_long_text_is_answered_as_its_entities_are_found(tagger: Tagger) -> None:
    long = Item(file="x", line=2, text="Maria Keller flew to Oslo .\n\n" * (LONG // 25))
    items = [Item(file="x", line=1, text="Oslo"), long, Item(file="x", line=3, text="Lund")]
    with open_stand_in(Path(tagger._encoder.path).parent) as whole:
        found = list(answers(whole, items, chunk=512, stop=True))
        assert [item.line for item, _ in found] == [1, 2, 3]
        answer = found[1][1]
        assert isinstance(answer, LongAnswer)
        assert list(answer.entities) == whole.tag([long.text])[0]
    # Where a text may be refused, nothing of it is given before all of it was read.
    assert all(isinstance(answer, Answer) for _, answer in answers(tagger, items, chunk=512, stop=False))


class _Contextual:
    """Labels a word by the number of sentences that came with it, in place of a model that reads context."""

    labels, repeats = LabelSet(LABELS), Repeats(0)
    in_sections, in_context = False, True

    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]:
        for question in questions:
            if isinstance(question, Document):
                size = str(len(question))
                yield Answer(sentences=[Answer(labels=[size] * len(words)) for words in question.sentences])
            else:
                yield Answer(labels=["alone"] * len(question or ()))

    def entities(self, text: str) -> Iterator[Entity]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""


def _sentence(line: int, document: str, words: int = 2, source: int = 0) -> Item:
    return Item(file="x", line=line, kind="words", words=("w",) * words, document=document, source=source)


def test_the_sentences_of_a_document_are_asked_about_together() -> None:
    items = [
        _sentence(1, ""),
        Item(file="x", line=2, kind="filler", document="1"),
        _sentence(3, "1"),
        Item(file="x", line=4, kind="words", document="1", problem=BROKEN),
        _sentence(5, "1"),
        _sentence(6, "2"),
        _sentence(7, "2", source=1),
    ]
    found = [*answers(_Contextual(), items, chunk=2, stop=False)]
    assert [item for item, _ in found] == items
    labels = [answer.labels[:1] for _, answer in found if isinstance(answer, Answer)]
    assert labels == [["alone"], (), ["2"], (), ["2"], ["1"], ["1"]]


def test_a_very_long_document_goes_on_as_another_one() -> None:
    found = [*answers(_Contextual(), [_sentence(n, "1", 6_000) for n in range(9)], chunk=512, stop=False)]
    assert [answer.labels[0] for _, answer in found if isinstance(answer, Answer)] == ["4"] * 8 + ["1"]
    assert [item.document for item, _ in found] == ["1"] * 4 + ["1+1"] * 4 + ["1+2"]
