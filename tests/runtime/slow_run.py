"""python -m tests.runtime.slow_run ARGUMENTS...: runtime.tag with a slow stand-in, for tests that kill it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator

from runtime.entity import Entity
from runtime.flow import Tagging
from runtime.spans import LabelSet
from runtime.tag import main
from tests.runtime.stand_in import LABELS

_SECONDS = 0.004  # a group


class _Slow:
    labels = LabelSet(LABELS)

    def stream(self, texts: Iterable[str], *, chunk: int) -> Iterator[list[Entity]]:
        time.sleep(_SECONDS)
        for text in texts:
            name = text.split()[0]
            yield [Entity("PER", name, 0, len(name), 0.5)]

    def tag_words(self, sentences: object) -> list[list[str]]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""


def _open() -> Tagging:
    print("ready", flush=True)
    return _Slow()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], begin_tagger=lambda options: _open, save_seconds=0.0))
