"""Items go through the tagger lazily and in order, whatever is mixed; nothing is read after a broken one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.batch.windowing import Windowing
from runtime.errors import CorpusError
from runtime.tag.answers import answers
from runtime.tag.input.item import Item
from runtime.tagger import Tagger
from tests.runtime.tag.stand_in import open_stand_in

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
        found = [*answers(tagger, items, chunk=chunk, stop=False)]
        assert [item for item, _ in found] == items
        entities = [[entity.text for entity in answer.entities] for _, answer in found]
        assert entities == [["Maria Keller", "Oslo"], [], [], [], ["Bergen"]]
        assert [list(answer.labels) for _, answer in found] == [[], [], ["O", "B-LOC"], [], []]


def test_a_refused_text_says_where_it_stands_and_the_rest_is_answered(tagger: Tagger) -> None:
    long = Item(file="x", line=8, kind="words", words=("Oslo",) * 99)
    items = [Item(file="x", line=7, text="Oslo"), Item(file="x", line=9, text="Oslo " * 99), long]
    (_, first), (text, _), (words, _) = answers(tagger, items, chunk=512, stop=False)
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
    assert [entity.text for entity in answer.entities] == ["Oslo"]
    assert last.problem is BROKEN
