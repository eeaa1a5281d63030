"""Systems that a process can open without any library: known speed, known answers, known faults."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from bench.measure.jobs import Session
from bench.systems.base import Failure, Setting, Span, Spec, Split
from bench.workloads.texts import Workload, sentences_of
from runtime.text.conll import Sentence

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
CAPITALS = ("Oslo", "Lisbon", "Nairobi", "Quito")
SETTING = Setting(1, 1, 1)


@dataclass
class Fake:
    """Finds the capitals, and takes so long for it.

    Attributes:
        seconds: each call takes, whatever it is given.
        kind: of the entities found.
        dies_on: words of a text that end the process.
    """

    seconds: float = 0.0
    kind: str = "LOC"
    dies_on: str = ""

    def tag(self, texts: Sequence[str]) -> list[list[Span]]:
        if self.dies_on and any(self.dies_on in text for text in texts):
            os._exit(3)
        time.sleep(self.seconds)
        return [[(self.kind, text.index(c), text.index(c) + len(c)) for c in CAPITALS if c in text] for text in texts]

    def spans(self, answer: Any) -> list[list[Span]]:
        found: list[list[Span]] = answer
        return found

    def split(self, texts: Sequence[str]) -> Split:
        return Split({"tokenize": 1.0, "backend": 3.0}, 100, 80)

    def close(self) -> None:
        return None


def open_fake(setting: Setting, *, seconds: float = 0.0, kind: str = "LOC", dies_on: str = "") -> Fake:
    return Fake(seconds, kind, dies_on)


def open_refusing(setting: Setting) -> Fake:
    raise ValueError("cannot read /home/somebody/secret/model.bin")


def no_roofline(setting: Setting) -> Fake:
    raise Failure("no products in tests")


def chatty(session: Session) -> str:
    print("a library talks", flush=True)
    os.write(1, b"a C library talks\n")
    return "answer"


def sleepy(session: Session) -> None:
    time.sleep(3600)


def aborting(session: Session) -> None:
    os.write(2, b"bad thing at /opt/engine/core.cc\n")
    os.abort()


def gold_reference(
    session: Session,
    checkpoint: Path,
    sentences: Sequence[Sequence[str]],
    labels: Sequence[str],
    longest: int,
    threads: int,
) -> list[list[str] | None]:
    return [["B-LOC" if word in CAPITALS else "O" for word in words] for words in sentences]


def spec(name: str, opener: Callable[..., Any] = open_fake, **options: Any) -> Spec:
    keys = {"group", "needs", "settings", "same_model", "workloads"}
    given = {key: value for key, value in options.items() if key in keys}
    rest = {key: value for key, value in options.items() if key not in keys}
    defaults: dict[str, Any] = {"group": "baseline", "settings": (SETTING,)}
    return Spec(name=name, title=name, precision="fp32", open=partial(opener, **rest), **(defaults | given))


def corpus(count: int = 40) -> tuple[Sentence, ...]:
    """Sentences, each with one of the capitals and its gold label."""
    return tuple(
        Sentence(("Train", f"n{number}", "to", CAPITALS[number % 4], "."), ("O", "O", "O", "B-LOC", "O"))
        for number in range(count)
    )


def workload(count: int = 8) -> Workload:
    return sentences_of(corpus(count), 0, seed=1)


def tokenizer_file(folder: Path) -> Path:
    """A tokenizer of whole words, with special tokens before and after a text."""
    words = ["[CLS]", "[SEP]", "[UNK]", *CAPITALS, "Train", "to", "."]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 1), ("[CLS]", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


class Clock:
    """Time passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class OnClock(Fake):
    """A Fake that works on such a clock, and takes no time of ours."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock, self._takes = clock, seconds

    def tag(self, texts: Sequence[str]) -> list[list[Span]]:
        self._clock.sleep(self._takes)
        return super().tag(texts)


def open_on_clock(setting: Setting, *, clock: Clock, seconds: float) -> Fake:
    return OnClock(clock, seconds)


def open_by_batch(setting: Setting, *, clock: Clock) -> Fake:
    return OnClock(clock, 0.001 if setting.batch == 8 else 0.08)
