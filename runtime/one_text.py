"""One short text -> its entities, on the shortest way: the same as the readers find, with a few arrays in place of 60.

A single sentence of news takes a backend about a millisecond, and NumPy about two microseconds for each array, more
where the backend has just used up the CPU's cache. So words, tokens and labels stay in Python's lists here, and the
only arrays are those that the backend takes and gives. Text that is not one sentence in one window is not read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from runtime.batch.alignment import row_align
from runtime.batch.batches import NOTHING, Batch
from runtime.decode.labels import least_scores, means, probability_of
from runtime.decode.options import Decoding
from runtime.encode.tokenizer import Encoder
from runtime.logits import BatchRunner, check_finite, check_shape
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from runtime.text.sentences import may_part, sentence_starts
from runtime.text.words import split_words

# Code points of a text that is worth a look: longer ones have several sentences, and arrays pay off for them.
MOST = 600
# Where texts start, and where the last one ends: one has all tokens, however many.
_ONE = np.array([0, np.iinfo(np.int64).max])


@dataclass(frozen=True, slots=True)
class Taken:
    """A text that is one sentence in one window.

    Attributes:
        text: the text.
        spans: (first code point, last plus one) of each word.
        ids: of its tokens, the special ones included.
        slots: place of each word's first token among them.
    """

    text: str
    spans: list[tuple[int, int]]
    ids: list[int]
    slots: list[int]


class OneText:
    """See the module.

    Args:
        encoder: the checkpoint's tokenizer.
        runner: of the same backend and windows as the reader's.
        labels: labels of the model.
        decoding: the choices for turning logits into entities.
        sentences: whether texts are read sentence by sentence.
    """

    def __init__(
        self,
        encoder: Encoder,
        runner: BatchRunner,
        labels: LabelSet,
        decoding: Decoding,
        *,
        sentences: bool,
    ) -> None:
        self._encoder, self._runner, self._labels = encoder, runner, labels
        self._least: list[float] = least_scores(labels, decoding.thresholds, decoding.ignore).tolist()
        self._sentences = sentences
        special = runner.special_tokens
        self._prefix, self._suffix, self._most = list(special.prefix), list(special.suffix), runner.capacity
        packing = runner.backend.packing
        self._step = row_align(packing.align)
        # The same for each text of a length: all tokens are of the first window, and positions count from 0.
        most = runner.capacity + len(special)
        self._segments, self._positions = np.zeros((1, most), np.int64), np.arange(most)[None]
        # The readers know how, where rows have fixed lengths, answers are remembered, or labels depend on each other.
        alone = not decoding.constrained and labels.crf is None
        plain = decoding.aggregation == "word" and alone and not runner.repeats.most
        self._suits = plain and not packing.lengths

    def entities(self, text: str) -> list[Entity] | None:
        """The entities of one text; None where it is not one short sentence, and the readers are to read it.

        Raises:
            BackendError: the backend refused it, or its answer is no number.
            BundleError: see runtime.logits.token_logits.
        """
        taken = self.take(text)
        return None if taken is None else self.decode(taken, self.run(taken))

    def take(self, text: str) -> Taken | None:
        """The text's tokens; None where it is not one short sentence, and the readers are to read it."""
        return self._take(text) if self._suits and len(text) <= MOST else None

    def run(self, taken: Taken) -> NDArray[np.float32]:
        """Logits of each word's first token. [words, labels]

        Raises:
            BackendError, BundleError: see entities.
        """
        size = len(taken.ids)
        batch = self._row(taken.ids)
        logits = self._runner.backend.logits(batch)
        check_shape(logits, batch, self._runner.labels)
        check_finite(logits[0, len(self._prefix) : size - len(self._suffix)], 0, _ONE, self._runner.about)
        return logits[0, taken.slots]

    def _row(self, ids: list[int]) -> Batch:
        """A batch of one row; where windows are aligned, so is its length. The readers make the same."""
        size = len(ids)
        empty = -size % self._step
        if not empty:
            return Batch(np.array([ids]), self._segments[:, :size], self._positions[:, :size])
        input_ids, position_ids = np.zeros((2, 1, size + empty), np.int64)
        segment_ids = np.full((1, size + empty), NOTHING)
        input_ids[0, :size], position_ids[0, :size], segment_ids[0, :size] = ids, self._positions[0, :size], 0
        return Batch(input_ids, segment_ids, position_ids)

    def _take(self, text: str) -> Taken | None:
        """The text's tokens; None where it is not one sentence in one window."""
        spans = split_words(text)
        if self._sentences and may_part(text) and len(sentence_starts(text, np.array(spans, np.int32))) > 1:
            return None
        tokens = self._encoder.tokens_of_words([text[start:end] for start, end in spans])
        if not all(tokens):
            return None
        ids = [*self._prefix, *chain.from_iterable(tokens), *self._suffix]
        if not tokens or len(ids) - len(self._prefix) - len(self._suffix) > self._most:
            return None
        slots, slot = [], len(self._prefix)
        for word in tokens:
            slots.append(slot)
            slot += len(word)
        return Taken(text, spans, ids, slots)

    def decode(self, taken: Taken, logits: NDArray[np.float32]) -> list[Entity]:
        """Entities by the logits that `run` gave."""
        text, spans = taken.text, taken.spans
        tags = logits.argmax(axis=1)
        runs = self._labels.spans_of_one(tags.tolist())
        if not runs:
            return []
        starts, ends = np.array([run[0] for run in runs]), np.array([run[1] for run in runs])
        scores = means(probability_of(logits, tags), starts, ends).tolist()
        found = []
        for (first, end, kind), score in zip(runs, scores):
            if score >= self._least[kind]:
                begin, stop = spans[first][0], spans[end - 1][1]
                found.append(Entity(self._labels.types[kind], text[begin:stop], begin, stop, score))
        return found
