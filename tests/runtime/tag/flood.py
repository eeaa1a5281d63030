"""python -m tests.runtime.tag.flood FOLDER ARGUMENTS...: runtime.tag with the stand-in.

Its last line is the number of KiB by which its memory grew after the first 10,000 texts.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from runtime.batch.repeats import Repeats
from runtime.tag.__main__ import main
from runtime.tagger import Tagger
from runtime.text.answer import Answer, Question
from runtime.text.entity import Entity
from tests.runtime.tag.stand_in import open_stand_in

_SETTLED = 10_000


class _Weighed:
    def __init__(self, tagger: Tagger) -> None:
        self.labels = tagger.labels
        self.repeats = Repeats(0)
        self.in_sections = self.in_context = False
        self._tagger, self._count = tagger, 0
        self.settled = 0

    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]:
        for answer in self._tagger.answers(questions, chunk=chunk):
            self._add(1)
            yield answer

    def entities(self, text: str) -> Iterator[Entity]:
        return self._tagger.entities(text)

    def close(self) -> None:
        self._tagger.close()

    def _add(self, count: int) -> None:
        self._count += count
        if not self.settled and self._count > _SETTLED:
            self.settled = _peak()


def _peak() -> int:
    """Most memory that this process ever had, in KiB (getrusage(2), on Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    weighed = _Weighed(open_stand_in(Path(sys.argv[1])))
    status = main(sys.argv[2:], begin_tagger=lambda options: lambda: weighed)
    print(_peak() - weighed.settled)
    sys.exit(status)
