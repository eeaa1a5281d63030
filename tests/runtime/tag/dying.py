"""A stand-in for the tagger that ends the run before some answer, as a kill does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runtime.batch.repeats import Repeats
from runtime.text.answer import Answer, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from tests.runtime.tag.stand_in import LABELS


class KilledError(BaseException):
    """The end of the process, as far as files can tell: nothing after it is done."""


class DyingTagger:
    """Answers with the text's first character, and ends the run before some answer."""

    labels, repeats = LabelSet(LABELS), Repeats(0)
    in_sections = in_context = False

    def __init__(self, dies_at: int = -1) -> None:
        self._dies_at = dies_at

    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]:
        for number, question in enumerate(questions):
            if number == self._dies_at:
                raise KilledError
            if isinstance(question, str):
                yield Answer([Entity("PER", question[:1], 0, 1, 0.5)])
            else:
                yield Answer(labels=["B-PER", *["O"] * (len(question) - 1)]) if question else Answer()

    def entities(self, text: str) -> Iterator[Entity]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""
