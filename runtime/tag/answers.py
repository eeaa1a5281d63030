"""The stream through the tagger: items -> items with their answers, lazily.

    most items       the tagger's answers, many at once
    long texts       entities one by one, as they are found, so that they never are in memory all at once
    documents        where sentences are read in context, those of a document are one question

The module does not know formats or files, or how a tagger works.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from runtime.errors import TextError
from runtime.tag.input.item import Item
from runtime.text.answer import NOTHING, Answer, Document, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

if TYPE_CHECKING:
    from runtime.batch.repeats import Repeats

# Code points from which on a text is long: its entities would take some megabytes.
LONG = 1 << 20
# Words after which a document goes on as another one: a corpus may have a single mark, at its beginning.
MOST_WORDS = 20_000


class Tagging(Protocol):
    """The part of runtime.Tagger that a tagging run needs."""

    @property
    def labels(self) -> LabelSet: ...
    @property
    def repeats(self) -> Repeats: ...
    @property
    def in_sections(self) -> bool: ...
    @property
    def in_context(self) -> bool: ...
    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]: ...
    def entities(self, text: str) -> Iterator[Entity]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LongAnswer:
    """The entities of a long text. They are to be used up before the next answer is asked for."""

    entities: Iterator[Entity]


def answers(
    tagger: Tagging, items: Iterable[Item], *, chunk: int, stop: bool
) -> Iterator[tuple[Item, Answer | LongAnswer]]:
    """Each item with its answer, in order. An item that the tagger refuses comes with the refusal as its problem.

    Args:
        tagger: gives the answers.
        items: any number of items. The tagger reads them ahead.
        chunk: number of items that are tagged together.
        stop: end with the first item that was broken when it was read, and read no item after it.
    """
    units = _units(_in_parts(items) if tagger.in_context else items, documents=tagger.in_context, stop=stop)
    while True:
        long: list[Item] = []
        yield from _up_to_long(tagger, units, long, chunk=chunk)
        if not long:
            return
        yield long[0], LongAnswer(tagger.entities(long[0].text))


def is_part_of_document(item: Item, before: Item) -> bool:
    """Whether both are of one document."""
    return bool(item.document) and (item.source, item.document) == (before.source, before.document)


def _in_parts(items: Iterable[Item]) -> Iterator[Item]:
    """Very long documents in parts, so that none is held whole. Where they end depends on the document alone."""
    before: Item | None = None
    words = part = 0
    for item in items:
        if not (before and is_part_of_document(item, before)):
            words = part = 0
        elif words >= MOST_WORDS:
            words, part = 0, part + 1
        words, before = words + len(item.words), item
        yield replace(item, document=f"{item.document}+{part}") if part else item


def _units(items: Iterable[Item], *, documents: bool, stop: bool) -> Iterator[list[Item]]:
    """Items that are asked about together: those of a document, where asked for, and else each by itself."""
    unit: list[Item] = []
    for item in items:
        if unit and not (documents and is_part_of_document(item, unit[-1])):
            yield unit
            unit = []
        unit.append(item)
        if (item.problem and stop) or not (documents and item.document):
            # Not later: who waits for the answer to a line may not write the next one before.
            yield unit
            unit = []
        if item.problem and stop:
            return
    if unit:
        yield unit


def _up_to_long(
    tagger: Tagging, units: Iterator[list[Item]], long: list[Item], *, chunk: int
) -> Iterator[tuple[Item, Answer]]:
    """The items with answers up to the next long text, which goes into the list `long`."""
    # Units that were read and not yet answered. The tagger bounds how many these are.
    waiting: deque[list[Item]] = deque()

    def questions() -> Iterator[Question]:
        for unit in units:
            if tagger.in_sections and len(unit[0].text) > LONG:
                long.append(unit[0])
                return
            waiting.append(unit)
            # An item without a text still asks a question, so that answers and items stay in step.
            yield _question(unit, documents=tagger.in_context)

    for answer in tagger.answers(questions(), chunk=chunk):
        unit = waiting.popleft()
        found = _answers_of(unit, answer) if tagger.in_context and unit[0].document else [answer]
        for item, each in zip(unit, found, strict=True):
            yield (_refused(item, each.refused) if each.refused else item), each


def _question(unit: Sequence[Item], *, documents: bool) -> Question:
    item = unit[0]
    if documents and item.document:
        return Document([each.words for each in unit if _has_words(each)])
    return None if item.problem or item.is_filler else item.words if item.kind == "words" else item.text


def _answers_of(unit: Sequence[Item], answer: Answer) -> list[Answer]:
    sentences = iter(answer.sentences)
    return [next(sentences) if _has_words(item) else NOTHING for item in unit]


def _has_words(item: Item) -> bool:
    return item.kind == "words" and not item.problem


def _refused(item: Item, error: TextError) -> Item:
    # The tagger counts texts; the user looks for a line of a file.
    problem = TextError(item.line, error.problem, error.fix, place=item.place)
    return replace(item, problem=problem)
