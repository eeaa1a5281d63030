"""Logits of a candidate near its reference's, measured by the certifier and judged by the gate.

Right are the figures that plain loops over the same logits count. What changes a label is never passed by fp32.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from export.certify.corpus import Text
from export.certify.measure import Certifier, Figures
from runtime.backends.fake import Fake
from runtime.bundle.gate import GATE, Evidence
from runtime.text.conll import Sentence
from runtime.text.label_schemes import LabelSet
from tests.fuzz.kind import Case, check

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
_LENGTH = 12


class _Reference:
    """A checkpoint of random logits, which are a function of the sentence."""

    def __init__(self, seed: int, *, broken: float = 0.0) -> None:
        self._seed, self._broken = seed, broken

    def tokens(self, sentences: Any) -> list[int]:
        return [len(words) + 2 for words in sentences]

    def word_logits(self, sentences: Any) -> Any:
        blocks = [
            np.random.default_rng([self._seed, *map(int, words)]).normal(size=(1, 5)) for words in _each(sentences)
        ]
        return np.concatenate([np.empty((0, 5)), *blocks]).astype(np.float32)


def _each(sentences: Any) -> list[tuple[str, ...]]:
    return [(word,) for words in sentences for word in words]


class _Candidate:
    """The same with noise; all it needs of a Tagger."""

    def __init__(self, reference: _Reference, noise: float, junk: float, chance: random.Random) -> None:
        self._reference, self._noise, self._junk, self._chance = reference, noise, junk, chance
        self.given: list[Any] = []

    @property
    def backend(self) -> Fake:
        """With one stream, so that what is given comes in order."""
        return Fake(len(LABELS), lambda ids: ids)

    def word_logits(self, sentences: Any) -> Any:
        logits = self._reference.word_logits(sentences)
        rng = np.random.default_rng(self._chance.randrange(1 << 30))
        logits += (rng.normal(size=logits.shape) * self._noise).astype(np.float32)
        logits[rng.random(logits.shape) < self._junk] = self._chance.choice((np.nan, np.inf, -np.inf, 1e30))
        self.given.append(logits)
        return logits


def open_case(folder: Path) -> Case:
    """See the module."""

    def case(chance: random.Random) -> None:
        sentences = tuple(_sentence(chance) for _ in range(chance.randrange(1, 12)))
        reference: Any = _Reference(chance.randrange(1 << 20))
        text = Text("drawn", "", sentences, Evidence(words=1, distinct_sentences=1, entities=0, left_out=1.0))
        certifier = Certifier(reference, text, LabelSet(LABELS), max_length=_LENGTH)
        candidate: Any = _Candidate(
            reference, chance.choice((0.0, 0.0, 1e-7, 1e-3, 0.5)), chance.choice((0, 0, 0, 0.02)), chance
        )
        figures = certifier.measure(candidate)
        _check(figures, reference.word_logits(certifier.text.words), candidate.given, certifier.text)

    return case


def _sentence(chance: random.Random) -> Sentence:
    count = chance.randrange(1, _LENGTH + 1)
    return Sentence(tuple(str(chance.randrange(300)) for _ in range(count)), tuple(chance.choices(LABELS, k=count)))


def _check(figures: Figures, expected: Any, given: list[Any], text: Text) -> None:
    found, alone, full = given[0], np.concatenate(given[1:-1]), given[-1]
    broken = sum(int((~np.isfinite(each)).sum()) for each in (found, alone, full))
    check(figures["not_finite"] == broken, "not finite", figures["not_finite"], broken)
    passed = {name: all(bound.holds(figures) for bound in bounds) for name, bounds in GATE.items()}
    if broken:
        check(not any(passed.values()), "passed with logits that are not finite", figures)
        return
    words = sum(map(len, text.words))
    changed = sum(int(a.argmax() != b.argmax()) for a, b in zip(expected, found))
    check(figures["changed_labels"] == changed, "changed labels", figures["changed_labels"], changed)
    check(abs(float(figures["changed_per_10k"] or 0) - 10_000 * changed / words) < 1e-6, "in 10,000", figures)
    apart = sum(int(a.argmax() != b.argmax()) for a, b in zip(expected, alone))
    check(abs(float(figures["alone_changed_per_10k"] or 0) - 10_000 * apart / words) < 1e-6, "alone", figures)
    upper = float(figures["changed_per_10k_upper"] or 0)
    check(upper >= float(figures["changed_per_10k"] or 0) and upper <= 10_000, "upper bound", upper)
    check(not (passed["fp32"] and (changed or apart)), "fp32 passed", figures)
    check(not passed["fp16"] or 10_000 * changed / words <= 2, "fp16 passed", figures)
    check(not passed["int8"] or 10_000 * changed / words <= 10, "int8 passed", figures)
