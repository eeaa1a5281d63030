"""Training text that decides which linear layers are kept in higher precision, and the search for them.

Every fifth sentence of the training text is what the quantization is fitted to. The others are its tuning split, which
counts changed labels. Half of the tuning split is joined to windows of full length: they hold activations that
sentences never reach. In the other half the words of each sentence are shuffled: on text that it was trained on, a
model is too sure to change its mind about anything. It knows nothing of how graphs are quantized.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from export.quantize.sensitivity import Change, Logits, Probe, at_once, layers_to_keep, one_by_one
from export.quantize.wider_text import made_strange
from export.unfinished import Forgetful, Unfinished
from runtime.backends.base import Backend
from runtime.batch.batches import ON_CPU, Placed, packed_batches
from runtime.batch.windows import Windows, windows_of
from runtime.bundle.attestation import KeptLayer
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import CorpusError
from runtime.logits import token_logits

# Words that changed labels are counted on, and words that layers are ranked on.
COUNTED_WORDS, RANKED_WORDS = 30_000, 5_000
# Words that a quick search counts on, and tokens of the longest windows that it ranks on: a window is a sample, and few
# long ones would be few samples.
QUICKLY_COUNTED, _RANKED_LENGTH = 12_000, 128
# The most counts of a quick search: MiniLM's 36 layers are kept two at a time.
_QUICK_STEPS = 18
# Changed labels in 10,000 to reach there. Plain post-training quantization (NNCF 3.4) changes 38 on shuffled sentences,
# and 12.8 on text that the model was not trained on, where the gate's goal is 5. So it is a third of 38, rounded down
# since joined text is not shuffled. fp8 is held to the same, for the gate's limits are the same.
GOAL = 12.0
# Beyond this share of the work in higher precision a graph in 8 bits has lost most of its speed.
MOST_KEPT = 0.4
_FORGETFUL = Forgetful()


class Quantizer(Protocol):
    """A way to quantize a graph but for some layers, and backends that run both."""

    def write(self, kept: Collection[str]) -> Path:
        """Write the graph with all layers quantized but those; where it lies."""
        ...

    def open(self, path: Path, *, quantized: bool) -> Backend:
        """A backend on it, or on the graph that was not quantized."""
        ...


class _Text:
    """Sentences as windows of tokens."""

    def __init__(self, encoder: Encoder, sentences: Sequence[Sequence[str]], max_length: int) -> None:
        self.special_tokens = encoder.special_tokens
        self.encoded: Encoded = encoder.encode_words(sentences)
        capacity = max_length - len(encoder.special_tokens)
        self.windows: Windows = windows_of(self.encoded.text_start, capacity=capacity, stride=0)


class TuningSplit:
    """Training sentences in order: every fifth to fit to, and the others, the tuning split, to count changed labels on.

    Args:
        tokenizer: the checkpoint's tokenizer.json.
        sentences: words of training text.
        max_length: most tokens of a window.
        labels: how many there are.
        unfinished: keeps what is fitted and measured, for an export that goes on where one was killed.

    Raises:
        CorpusError: not enough text.
    """

    def __init__(
        self,
        tokenizer: Path,
        sentences: Sequence[Sequence[str]],
        *,
        max_length: int,
        labels: int,
        unfinished: Unfinished = _FORGETFUL,
    ) -> None:
        if len(sentences) < 2:
            raise CorpusError("training text", f"{len(sentences)} sentences", "give more, to fit to")
        self.encoder = Encoder(tokenizer)
        self.max_length, self._labels, self.unfinished = max_length, labels, unfinished
        # Every fifth, not the first fifth: corpora are often sorted by date or subject.
        self._fitted = sentences[::5]
        self._tuning = [words for number, words in enumerate(sentences) if number % 5]

    @property
    def fitting(self) -> list[Sequence[str]]:
        """Texts to fit to, half of them as long as windows are."""
        return self._half_joined(self._fitted)

    @property
    def strange(self) -> list[Sequence[str]]:
        """The same sentences made strange, for ranges that hold on text from elsewhere, too."""
        return self._half_joined(made_strange(self._fitted))

    def _half_joined(self, sentences: Sequence[Sequence[str]]) -> list[Sequence[str]]:
        short, long = _halves(sentences)
        return [*short, *joined(long, self.max_length)]

    def search(
        self, quantizer: Quantizer, source: Path, work: Mapping[str, int], *, goal: float
    ) -> tuple[list[KeptLayer], Change]:
        """What to keep in higher precision until few enough labels change, and the change that remains.

        Args:
            quantizer: how to quantize and to run the graph.
            source: the graph that was not quantized.
            work: MACs of each layer, by name.
            goal: changed labels in 10,000, at most; MOST_KEPT ends the search, too. See export.quantize.sensitivity.
        """
        ranking = partial(one_by_one, work, partial(self._remembered, quantizer, source, RANKED_WORDS))
        counting = partial(self._remembered, quantizer, source, COUNTED_WORDS)
        return layers_to_keep(work, counting, ranking, goal=goal, most=MOST_KEPT)

    def quick_search(
        self,
        quantizer: Quantizer,
        source: Path,
        work: Mapping[str, int],
        movements: Callable[[Iterator[Placed]], Mapping[str, float]],
        *,
        goal: float,
    ) -> tuple[list[KeptLayer], Change]:
        """The same in a fraction of the time, which keeps more: layers are ranked by one pass, and fewer words counted.

        Args:
            quantizer, source, work, goal: as for search.
            movements: how far each layer's quantization moves the logits, see export.quantize.movement.
        """

        def ranking() -> dict[str, float]:
            return at_once(lambda: movements(self.ranking_text()))

        counting = partial(self._remembered, quantizer, source, QUICKLY_COUNTED)
        return layers_to_keep(work, counting, ranking, goal=goal, most=MOST_KEPT, steps=_QUICK_STEPS)

    def ranking_text(self) -> Iterator[Placed]:
        """Batches to rank layers on, which answer for the first token of each word."""
        text = self._text(RANKED_WORDS, longest=min(_RANKED_LENGTH, self.max_length))
        first = np.zeros(len(text.encoded.ids), np.bool_)
        first[text.encoded.first_token[text.encoded.first_token >= 0]] = True
        given = text.encoded.ids, text.windows, text.special_tokens
        for placed in packed_batches(*given, shortest=ON_CPU.shortest, slots=ON_CPU.slots, trim=True):
            asked = first[placed.tokens]
            yield replace(placed, slots=placed.slots[asked], tokens=placed.tokens[asked])

    def _remembered(self, quantizer: Quantizer, source: Path, words: int) -> _Remembered:
        return _Remembered(words, self.unfinished, partial(self._probe, quantizer, source, words))

    def _probe(self, quantizer: Quantizer, source: Path, words: int) -> Probe:
        text = self._text(words, longest=self.max_length)

        def measure(kept: Collection[str]) -> Logits:
            return self._logits(quantizer.open(quantizer.write(kept), quantized=True), text)

        return Probe(measure, self._logits(quantizer.open(source, quantized=False), text))

    def _text(self, words: int, *, longest: int) -> _Text:
        """Sentences of the tuning split, about that many words spread over it; windows of so many tokens at most."""
        total = sum(map(len, self._tuning))
        short, long = _halves(self._tuning[:: max(1, total // words)])
        # Always the same: exporting again must give the same bytes.
        chance = random.Random(0)
        shuffled = [chance.sample(sentence, len(sentence)) for sentence in short]
        return _Text(self.encoder, [*shuffled, *joined(long, longest)], longest)

    def _logits(self, backend: Backend, text: _Text) -> Logits:
        """Of each word's first token; the backend is closed. [words, labels]"""
        try:
            tokens = token_logits(backend, text.encoded.ids, text.windows, text.special_tokens, labels=self._labels)
        finally:
            backend.close()
        first = text.encoded.first_token
        return tokens[first[first >= 0]]


@dataclass
class _Remembered:
    """A probe of that many words, which asks what an export before it had measured first.

    Attributes:
        words: about how many it compares.
        unfinished: remembers.
        make: makes the probe, which takes running the model on all the words.
    """

    words: int
    unfinished: Unfinished
    make: Callable[[], Probe]

    def keeping(self, kept: Collection[str]) -> Change:
        """See export.quantize.sensitivity.Probe."""
        name = f"change {self.words} {sorted(kept)}"
        if self.unfinished.has(name):
            words, labels, movement = (each.item() for each in self.unfinished.load(name).values())
            return Change(words, labels, movement)
        change = self._probe.keeping(kept)
        self.unfinished.keep(name, {key: np.array(value) for key, value in asdict(change).items()})
        return change

    @cached_property
    def _probe(self) -> Probe:
        return self.make()


def joined(sentences: Sequence[Sequence[str]], words: int) -> list[Sequence[str]]:
    """The sentences in texts of at least that many words each, the last perhaps shorter."""
    texts: list[list[str]] = [[]]
    for sentence in sentences:
        if len(texts[-1]) >= words:
            texts.append([])
        texts[-1] += sentence
    return [*texts]


def _halves(sentences: Sequence[Sequence[str]]) -> tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]]:
    middle = len(sentences) // 2
    return sentences[:middle], sentences[middle:]
