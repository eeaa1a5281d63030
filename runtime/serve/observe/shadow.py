"""Shadow: a second bundle that answers a share of the same texts, after the answer was sent and never in its way.

It is how a new bundle earns trust on live text before it serves: changed labels in 10,000 words, agreement by label,
the time of both, and the latest differences.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from runtime.serve.batching.reading import Reading
from runtime.text.entity import Entity
from runtime.text.label_names import OUTSIDE
from runtime.text.words import split_words

# Texts that wait for the shadow; those that come while it is full are left out and counted.
_MOST_WAITING = 256
_DIFFERENCES = 20
# Seconds between two looks at whether the queue is empty.
_PAUSE = 0.002


class ShadowMetrics(Protocol):
    """What is needed of Metrics."""

    shadow_compared: Any
    shadow_labels: Any
    shadow_changed: Any
    shadow_seconds: Any
    shadow_skipped: Any


class Answering(Protocol):
    """What is needed of a TaggingStages."""

    @property
    def backend(self) -> Any: ...
    def tokenize(self, reading: Reading, questions: Sequence[Any]) -> Any: ...
    def run(self, reading: Reading, tokens: Any) -> Any: ...
    def decode(self, reading: Reading, tokens: Any, said: Any) -> list[Any]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    text: str
    answer: Sequence[Entity]
    reading: Reading
    seconds: float


class Shadow:
    """See the module.

    Args:
        stages: of the second bundle.
        name: of that bundle.
        share: of the texts that it answers, 0 to 1.
        texts: whether differences are kept with their texts.
        chance: decides which texts.
    """

    def __init__(
        self,
        stages: Answering,
        name: str,
        *,
        share: float = 0.1,
        texts: bool = False,
        chance: random.Random | None = None,
    ) -> None:
        self._stages, self._name, self._share, self._texts = stages, name, share, texts
        self._chance = chance or random.Random()
        self._waiting: queue.Queue[_Asked | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._lock = threading.Lock()
        self._closed = False
        self._metrics: ShadowMetrics | None = None
        self._busy: Callable[[], bool] = lambda: False
        self._compared = self._words = self._changed = self._skipped = self._failed = 0
        self._seconds = [0.0, 0.0]
        self._both: Counter[str] = Counter()
        self._either: Counter[str] = Counter()
        self._differences: deque[dict[str, Any]] = deque(maxlen=_DIFFERENCES)

    def start(self, metrics: ShadowMetrics, *, busy: Callable[[], bool]) -> None:
        """Begin to answer what is offered, whenever nothing waits in the queue of those who do want an answer."""
        self._metrics, self._busy = metrics, busy
        self._thread.start()

    def offer(self, texts: Sequence[str], answers: Sequence[Any], reading: Reading, seconds: float) -> None:
        """Texts and what was answered to them; it returns at once.

        Args:
            texts: of one request.
            answers: entities of each, or why it was refused.
            reading: how they were read.
            seconds: that the backend took for all of them.
        """
        for text, answer in zip(texts, answers):
            if not isinstance(answer, list) or self._chance.random() >= self._share:
                continue
            try:
                self._waiting.put_nowait(_Asked(text, answer, reading, seconds / len(texts)))
            except queue.Full:
                self._skipped += 1
                if self._metrics:
                    self._metrics.shadow_skipped.inc()

    def close(self, seconds: float = 1.0) -> bool:
        """Answer no more; whether it has ended in that time. Where not, its backend stays open, for a text is in it."""
        self._closed = True
        if self._thread.is_alive():
            while True:
                try:
                    self._waiting.put_nowait(None)
                    break
                except queue.Full:
                    self._waiting.get_nowait()
            self._thread.join(seconds)
        if self._thread.is_alive():
            return False
        self._stages.close()
        return True

    def report(self) -> dict[str, Any]:
        """What was seen so far, as JSON."""
        with self._lock:
            count = max(1, self._compared)
            return {
                "shadow": self._name,
                "share": self._share,
                "texts": self._compared,
                "words": self._words,
                "changed_labels": self._changed,
                "changed_labels_in_10_000": round(10_000 * self._changed / max(1, self._words), 2),
                "agreement_by_label": {
                    label: round(self._both[label] / total, 4) for label, total in sorted(self._either.items())
                },
                "ms_a_text": round(1000 * self._seconds[0] / count, 3),
                "shadow_ms_a_text": round(1000 * self._seconds[1] / count, 3),
                "skipped": self._skipped,
                "failed": self._failed,
                "differences": list(self._differences),
            }

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            while self._busy() and not self._closed:
                time.sleep(_PAUSE)
            if self._closed:
                return
            begun = time.perf_counter()
            try:
                self._stages.backend.begin(small=True)
                tokens = self._stages.tokenize(asked.reading, [asked.text])
                said = self._stages.run(asked.reading, tokens)
                answer = self._stages.decode(asked.reading, tokens, said)[0]
            except Exception as error:  # a shadow's failure is a finding about the shadow, and nobody else's
                self._note_failure(error)
                continue
            self._compare(asked, answer, time.perf_counter() - begun)

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            self._failed += 1
            self._differences.append({"error": str(error)})

    def _compare(self, asked: _Asked, answer: Sequence[Entity], seconds: float) -> None:
        words = split_words(asked.text)
        served, found = _inside(asked.answer), _inside(answer)
        changed = sum(a != b for a, b in zip(_labels(words, served), _labels(words, found)))
        one, other = {*map(_place, served)}, {*map(_place, found)}
        with self._lock:
            self._compared += 1
            self._words += len(words)
            self._changed += changed
            self._seconds[0] += asked.seconds
            self._seconds[1] += seconds
            self._both.update(label for label, *_ in one & other)
            self._either.update(label for label, *_ in one | other)
            if one != other:
                self._differences.append(self._difference(asked, one, other))
        if self._metrics:
            self._metrics.shadow_compared.inc()
            self._metrics.shadow_labels.inc(len(words))
            self._metrics.shadow_changed.inc(changed)
            self._metrics.shadow_seconds.observe(seconds)

    def _difference(
        self, asked: _Asked, one: set[tuple[str, int, int]], other: set[tuple[str, int, int]]
    ) -> dict[str, Any]:
        made: dict[str, Any] = {"only_served": sorted(one - other), "only_shadow": sorted(other - one)}
        return made | ({"text": asked.text} if self._texts else {})


def _inside(spans: Sequence[Entity]) -> list[Entity]:
    """Those that are entities; the pipeline's groups are of what lies between them, too."""
    return [span for span in spans if span.label != OUTSIDE]


def _place(entity: Entity) -> tuple[str, int, int]:
    return entity.label, entity.start, entity.end


def _labels(words: Sequence[tuple[int, int]], entities: Sequence[Entity]) -> list[str]:
    """Each word's label: that of the entity that its first character is in, B- where it opens one."""
    labels = [OUTSIDE] * len(words)
    number = 0
    for entity in entities:
        while number < len(words) and words[number][0] < entity.end:
            start, end = words[number]
            if end > entity.start:
                labels[number] = f"{'B' if start <= entity.start else 'I'}-{entity.label}"
            number += 1
    return labels
