"""Which reading policy suits a checkpoint: each is measured on running text made of the training corpus.

What a policy does to F1 depends on what the checkpoint was trained on: on single sentences, a window of 25 of them is
out of its depth; on documents, a sentence alone lacks what it learned to use. So export measures, on documents of the
training text (its tuning split; what is certified on is left alone), joined in the three styles in which text comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from export.reading.documents import Document, Running, in_lines, running, spaced
from runtime.batch.windowing import CONTEXT, Windowing
from runtime.bundle.store import TOKENIZER, Bundle, Reading
from runtime.encode.tokenizer import Encoder
from runtime.screen.display import detail
from runtime.tagger import Tagger
from runtime.text.entity import Entity

# Words of documents that are read, in each style: minutes in fp32 for a large model, seconds for a small one.
WORDS = 8_000
# What another policy must gain in F1 to take the place of sentences, which costs the least: chance alone does as much.
LEAST_GAIN = 0.001
POLICIES = (
    Windowing(policy="sentences"),
    Windowing(policy="context", context=CONTEXT),
    Windowing(policy="windows"),
)
_STYLES = (spaced, in_lines, running)

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a reading came to.

    Attributes:
        f1: of entities, exact type and offsets, 0 to 1.
        seconds: from texts to entities.
    """

    f1: float
    seconds: float


def readings_of(
    bundle: Bundle, documents: Sequence[Document], *, threads: int, clock: Clock = time.perf_counter
) -> tuple[Reading, ...]:
    """Each policy's F1 and speed on the bundle's fastest certified candidate, and which is the default.

    Args:
        bundle: certified.
        documents: of training text.
        threads: CPUs to use.
        clock: seconds from any moment on.
    """
    texts = [style(document) for style in _STYLES for document in some_of(documents, WORDS)]
    encoder = Encoder(bundle.file(TOKENIZER))
    tokens = len(encoder.encode_texts([each.text for each in texts])[0].ids)
    found = []
    for windowing in POLICIES:
        with Tagger.open(bundle, threads=threads, windowing=windowing) as tagger:
            tagger.tag([texts[0].text])  # the first call of an engine is slower than the others
            measured = measure(tagger, texts, clock=clock)
        speed = round(tokens / max(measured.seconds, 1e-9), 1)
        found.append(Reading(windowing.policy, windowing.neighbors, round(measured.f1, 4), speed, is_default=False))
    best = max(found, key=lambda reading: reading.f1)
    default = best if best.f1 >= found[0].f1 + LEAST_GAIN else found[0]
    return tuple(replace(reading, is_default=reading is default) for reading in found)


def tell_readings(readings: Sequence[Reading]) -> None:
    """Tell, as details, what was measured of each policy."""
    for reading in readings:
        name = f"{reading.policy} of {reading.context} tokens" if reading.context else reading.policy
        mark = "  the default" if reading.is_default else ""
        detail(f"{name:<22}F1 {reading.f1:.4f}{reading.tokens_per_second:>10,.0f} tokens a second{mark}")


def measure(tagger: Tagger, texts: Sequence[Running], *, clock: Clock) -> Measured:
    """F1 and time of a tagger on texts."""
    began = clock()
    answers = tagger.tag([each.text for each in texts])
    return Measured(f1_of(texts, answers), clock() - began)


def f1_of(texts: Sequence[Running], answers: Sequence[Sequence[Entity]]) -> float:
    """F1 of entities over all texts: one is right if its type, first and last code point are; 0 to 1."""
    gold = found = right = 0
    for text, entities in zip(texts, answers, strict=True):
        told = {(entity.label, entity.start, entity.end) for entity in entities}
        gold, found = gold + len(text.entities), found + len(told)
        right += len(told & {*text.entities})
    return 2 * right / (gold + found) if gold + found else 0.0


def some_of(documents: Sequence[Document], words: int) -> list[Document]:
    """Documents spread evenly over all of them, of about that many words together."""
    sizes = [sum(len(sentence.words) for sentence in document) for document in documents]
    count = max(1, min(len(documents), round(words / max(1.0, float(np.mean(sizes))))))
    return [documents[index * len(documents) // count] for index in range(count)]
