"""python -m tests.runtime.tag.slow_run ARGUMENTS...: runtime.tag with a slow stand-in, for tests that kill it.

The environment's NERVE_HELD_AFTER says after how many chunks it goes on no more, so that it does not end before it is
killed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator

from runtime.batch.repeats import Repeats
from runtime.tag.__main__ import main
from runtime.tag.answers import Tagging
from runtime.text.answer import Answer, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from tests.runtime.tag.stand_in import LABELS

_SECONDS = 0.004  # a chunk
HELD_AFTER = "NERVE_HELD_AFTER"


class _Slow:
    labels = LabelSet(LABELS)
    repeats = Repeats(0)
    in_sections = in_context = False

    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]:
        held_after = int(os.environ.get(HELD_AFTER, "0"))
        for number, text in enumerate(questions):
            if number % chunk == 0:
                time.sleep(3600 if held_after and number >= held_after * chunk else _SECONDS)
            name = str(text).split()[0]
            yield Answer([Entity("PER", name, 0, len(name), 0.5)])

    def entities(self, text: str) -> Iterator[Entity]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""


def _open() -> Tagging:
    print("ready", flush=True)
    return _Slow()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], begin_tagger=lambda options: _open, save_seconds=0.0))
