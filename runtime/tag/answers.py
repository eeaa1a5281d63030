"""Items in, items with their answers out: one lazy stream through the tagger.

It knows nothing of formats, files, or how a tagger works.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from runtime.errors import TextError
from runtime.tag.input.item import Item
from runtime.text.answer import Answer, Question
from runtime.text.label_schemes import LabelSet


class Tagging(Protocol):
    """What is needed of a Tagger."""

    @property
    def labels(self) -> LabelSet: ...
    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]: ...
    def close(self) -> None: ...


def answers(tagger: Tagging, items: Iterable[Item], *, chunk: int, stop: bool) -> Iterator[tuple[Item, Answer]]:
    """Each item with its answer, in order; one that the tagger refuses comes with that problem.

    Args:
        tagger: answers.
        items: any number; they are read ahead as the tagger does.
        chunk: items that are tagged together.
        stop: nothing is read after a broken item, which is the last that comes.
    """
    waiting: deque[Item] = deque()

    def questions() -> Iterator[Question]:
        for item in items:
            waiting.append(item)
            yield None if item.problem else item.text or item.words or None
            if item.problem and stop:
                return

    for answer in tagger.answers(questions(), chunk=chunk):
        item = waiting.popleft()
        yield (_refused(item, answer.refused) if answer.refused else item), answer


def _refused(item: Item, error: TextError) -> Item:
    problem = TextError(item.line, error.problem, error.fix, place=item.place)
    return replace(item, problem=problem)
