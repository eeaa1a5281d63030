"""The stream through the tagger: items -> items with their answers, lazily.

The module does not know formats or files, or how a tagger works.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from runtime.errors import TextError
from runtime.tag.input.item import Item
from runtime.text.answer import Answer, Question
from runtime.text.label_schemes import LabelSet

if TYPE_CHECKING:
    from runtime.batch.repeats import Repeats


class Tagging(Protocol):
    """The part of runtime.Tagger that a tagging run needs."""

    @property
    def labels(self) -> LabelSet: ...
    @property
    def repeats(self) -> Repeats: ...
    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]: ...
    def close(self) -> None: ...


def answers(tagger: Tagging, items: Iterable[Item], *, chunk: int, stop: bool) -> Iterator[tuple[Item, Answer]]:
    """Each item with its answer, in order. An item that the tagger refuses comes with the refusal as its problem.

    Args:
        tagger: gives the answers.
        items: any number of items. The tagger reads them ahead.
        chunk: number of items that are tagged together.
        stop: end with the first item that was broken when it was read, and read no item after it.
    """
    # Items that were read and not yet answered. The tagger bounds how many these are.
    waiting: deque[Item] = deque()

    def questions() -> Iterator[Question]:
        for item in items:
            waiting.append(item)
            # An item without a text still asks a question, so that answers and items stay in step.
            yield None if item.problem or item.is_filler else item.words if item.kind == "words" else item.text
            if item.problem and stop:
                return

    for answer in tagger.answers(questions(), chunk=chunk):
        item = waiting.popleft()
        yield (_refused(item, answer.refused) if answer.refused else item), answer


def _refused(item: Item, error: TextError) -> Item:
    # The tagger counts texts; the user looks for a line of a file.
    problem = TextError(item.line, error.problem, error.fix, place=item.place)
    return replace(item, problem=problem)
