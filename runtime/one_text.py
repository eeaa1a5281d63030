"""One short text -> its entities, on the shortest way: the same as the readers find, with a few arrays in place of 60.

A single sentence of news takes a backend about a millisecond, and NumPy some microseconds for each array, five times
that where the backend has just used up the CPU's cache. So words, tokens and labels stay in Python's lists here, and
the only arrays are those that the backend takes and gives, and the logits of entities. Text whose windows do not fit
into one row is not read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

import numpy as np
from numpy.typing import NDArray

from runtime.batch.alignment import row_align
from runtime.batch.batches import NOTHING, Batch
from runtime.batch.short_rows import row_of
from runtime.decode.labels import largest_probability, least_scores
from runtime.decode.options import Decoding
from runtime.encode.tokenizer import Encoder
from runtime.logits import BatchRunner, all_finite, check_finite, check_shape
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from runtime.text.sentences import may_part, sentence_starts
from runtime.text.words import split_words

# Code points of a text that is worth a look: longer ones have many sentences, and arrays pay off for them.
MOST = 600
# Where texts start, and where the last one ends: one has all tokens, however many.
_ONE = np.array([0, np.iinfo(np.int64).max])
_WHOLE = (0,)


@dataclass(frozen=True, slots=True)
class Taken:
    """A text whose windows are one row.

    Attributes:
        text: the text.
        spans: (first code point, last plus one) of each word.
        batch: the row.
        slots: token slot of each word's first token.
        windows: (first, last plus one) of the token slots that hold each sentence's tokens, special ones left out.
        sentences: number of each sentence's first word.
    """

    text: str
    spans: list[tuple[int, int]]
    batch: Batch
    slots: list[int]
    windows: Sequence[tuple[int, int]]
    sentences: Sequence[int]

    @property
    def tokens(self) -> int:
        """Number of its tokens, special ones left out."""
        return sum(end - first for first, end in self.windows)


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
        special, packing = runner.special_tokens, runner.backend.packing
        self._prefix, self._suffix, self._most = list(special.prefix), list(special.suffix), runner.capacity
        self._shortest, self._align, self._step = packing.shortest, packing.align, row_align(packing.align)
        # The same for each text of a length: all tokens are of the first window, and positions count from 0.
        most = runner.capacity + len(special)
        self._segments, self._positions = np.zeros((1, most), np.int64), np.arange(most)[None]
        # The readers know how, where rows have fixed lengths, answers are remembered, or labels depend on each other.
        alone = not decoding.constrained and labels.crf is None
        plain = decoding.aggregation == "word" and alone and not runner.repeats.most
        self._suits = plain and not packing.lengths
        self._suits_several = runner.backend.layout == "packed" and not runner.context

    def entities(self, text: str) -> list[Entity] | None:
        """The entities of one text; None where its windows are not one row, and the readers are to read it.

        Raises:
            BackendError: the backend refused it, or its answer is no number.
            BundleError: see runtime.logits.token_logits.
        """
        taken = self.take(text)
        return None if taken is None else self.decode(taken, self.run(taken))

    def take(self, text: str) -> Taken | None:
        """The text's tokens; None where its windows are not one row, and the readers are to read it."""
        if not self._suits or len(text) > MOST:
            return None
        spans = split_words(text)
        tokens = self._encoder.tokens_of_words([text[start:end] for start, end in spans])
        if not tokens or not all(tokens):
            return None
        if self._sentences and may_part(text):
            sentences = sentence_starts(text, np.array(spans, np.int32)).tolist()
            if len(sentences) > 1:
                return self._several(text, spans, tokens, sentences) if self._suits_several else None
        return self._sentence(text, spans, tokens)

    def run(self, taken: Taken) -> NDArray[np.float32]:
        """Logits of the row. [token slots, labels]

        Raises:
            BackendError, BundleError: see entities.
        """
        logits = self._runner.backend.logits(taken.batch)
        check_shape(logits, taken.batch, self._runner.labels)
        row: NDArray[np.float32] = logits[0]
        if all_finite(row):
            return row
        answered = np.concatenate([row[first:end] for first, end in taken.windows])
        check_finite(answered, 0, _ONE, self._runner.about)
        row = np.nan_to_num(row, posinf=0, neginf=0)  # slots that nobody reads may hold anything
        return row

    def _sentence(self, text: str, spans: list[tuple[int, int]], tokens: Sequence[tuple[int, ...]]) -> Taken | None:
        """A text of one sentence; None where it is not one window."""
        first = len(self._prefix)
        *slots, end = _starts(tokens, first)
        if end - first > self._most:
            return None
        ids = [*self._prefix, *chain.from_iterable(tokens), *self._suffix]
        return Taken(text, spans, self._row(ids), slots, ((first, end),), _WHOLE)

    def _several(
        self, text: str, spans: list[tuple[int, int]], tokens: Sequence[tuple[int, ...]], sentences: list[int]
    ) -> Taken | None:
        """A text of several sentences; None where one of them is not one window, or all are not one row."""
        parts = [tokens[first:end] for first, end in pairwise([*sentences, len(tokens)])]
        ids = [[*self._prefix, *chain.from_iterable(part), *self._suffix] for part in parts]
        if max(map(len, ids)) > self._most + len(self._prefix) + len(self._suffix):
            return None
        placed = row_of(ids, shortest=self._shortest, align=self._align)
        if placed is None:
            return None
        batch, columns = placed
        firsts = [column + len(self._prefix) for column in columns]
        slots = [slot for part, first in zip(parts, firsts) for slot in _starts(part, first)[:-1]]
        ends = [column + len(window) - len(self._suffix) for column, window in zip(columns, ids)]
        return Taken(text, spans, batch, slots, [*zip(firsts, ends)], sentences)

    def _row(self, ids: list[int]) -> Batch:
        """A batch of one row; where windows are aligned, so is its length. The readers make the same."""
        size = len(ids)
        empty = -size % self._step
        if not empty:
            return Batch(np.array(ids, np.int64, ndmin=2), self._segments[:, :size], self._positions[:, :size])
        input_ids, position_ids = np.zeros((2, 1, size + empty), np.int64)
        segment_ids = np.full((1, size + empty), NOTHING)
        input_ids[0, :size], position_ids[0, :size], segment_ids[0, :size] = ids, self._positions[0, :size], 0
        return Batch(input_ids, segment_ids, position_ids)

    def decode(self, taken: Taken, logits: NDArray[np.float32]) -> list[Entity]:
        """Entities by the logits that `run` gave."""
        label = logits.argmax(axis=1).tolist()
        slots, spans, text = taken.slots, taken.spans, taken.text
        runs = self._runs([label[slot] for slot in slots], taken.sentences)
        if not runs:
            return []
        # Of all token slots: to pick some of them takes NumPy longer.
        scores = largest_probability(logits).tolist()
        found = []
        for first, end, kind in runs:
            # As runtime.decode.labels.means: a sum of a few hundred numbers of 24 bits is exact in any order.
            score = sum([scores[slot] for slot in slots[first:end]]) / (end - first)
            if score >= self._least[kind]:
                begin, stop = spans[first][0], spans[end - 1][1]
                found.append(Entity(self._labels.types[kind], text[begin:stop], begin, stop, score))
        return found

    def _runs(self, tags: list[int], sentences: Sequence[int]) -> list[tuple[int, int, int]]:
        """See LabelSet.spans_of_one. An entity lies within one sentence."""
        if len(sentences) == 1:
            return self._labels.spans_of_one(tags)
        return [
            (first + begin, first + end, kind)
            for first, last in pairwise([*sentences, len(tags)])
            for begin, end, kind in self._labels.spans_of_one(tags[first:last])
        ]


def _starts(tokens: Sequence[tuple[int, ...]], slot: int) -> list[int]:
    """Token slot of each word's first token, and of what comes after the last; the first word's is given."""
    return [*accumulate(map(len, tokens), initial=slot)]
