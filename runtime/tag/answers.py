"""Items in, answers out: in groups that share the engine's batches, and in bounded memory.

It knows nothing of formats, files, or how a tagger works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from runtime.errors import TextError
from runtime.tag.input.item import Answer, Item
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

# Bytes that end a group before it has its number of items, so that long documents do not pile up.
_MOST_BYTES = 1 << 20


class Tagging(Protocol):
    """What is needed of a Tagger."""

    @property
    def labels(self) -> LabelSet: ...
    def stream(self, texts: Iterable[str], *, chunk: int) -> Iterator[list[Entity]]: ...
    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]: ...
    def close(self) -> None: ...


def groups(items: Iterable[Item], *, most: int, stop: bool) -> Iterator[list[Item]]:
    """Items in groups.

    Args:
        items: any number.
        most: items in a group.
        stop: a broken item ends its group, so that nothing after it is waited for.
    """
    group: list[Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += len(item.raw)
        if len(group) >= most or size >= _MOST_BYTES or (stop and item.problem):
            yield group
            group, size = [], 0
    if group:
        yield group


def answers(tagger: Tagging, group: Sequence[Item]) -> list[tuple[Item, Answer]]:
    """Each item with its answer; one that the tagger refuses comes back with that problem."""
    texts = [item for item in group if item.text and not item.problem]
    sentences = [item for item in group if item.words and not item.problem]
    found = _each(texts, lambda items: _entities(tagger, items)) | _each(
        sentences, lambda items: _labels(tagger, items)
    )
    return [found.get(id(item), (item, Answer())) for item in group]


def _entities(tagger: Tagging, items: Sequence[Item]) -> Iterator[Answer]:
    return (Answer(found) for found in tagger.stream([item.text for item in items], chunk=len(items)))


def _labels(tagger: Tagging, items: Sequence[Item]) -> Iterator[Answer]:
    return (Answer(labels=labels) for labels in tagger.tag_words([item.words for item in items]))


def _each(items: Sequence[Item], ask: Callable[[Sequence[Item]], Iterator[Answer]]) -> dict[int, tuple[Item, Answer]]:
    """Answers by identity of the item, those around a refused text among them."""
    found: dict[int, tuple[Item, Answer]] = {}
    while items:
        refused: TextError | None = None
        asked = items
        try:
            got = list(ask(items))
        except TextError as error:
            # It counts texts from 1; those before it are fine, and are asked for again.
            refused, asked = error, items[: error.number - 1]
            got = list(ask(asked)) if asked else []
        found |= {id(item): (item, answer) for item, answer in zip(asked, got, strict=True)}
        items = items[len(asked) :]
        if refused:
            item = items[0]
            problem = TextError(item.line, refused.problem, refused.fix, place=item.place)
            found[id(item)] = (replace(item, problem=problem), Answer())
            items = items[1:]
    return found
