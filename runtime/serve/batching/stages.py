"""What answers a batch: the readers of a bundle, in three steps that can overlap. Serving knows no more of the core.

    tokenize    questions -> tokens
    run         tokens -> what the backend says
    decode      that -> an answer to each question

Readers are made for each way of reading when it is first asked for, and share tokenizer and backend.
"""

from __future__ import annotations

import functools
import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import Backend
from runtime.batch.alignment import row_align
from runtime.batch.windowing import DEFAULT_WINDOWING, Windowing
from runtime.decode.options import Decoding
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import TextError, UsageError
from runtime.logits import BatchRunner
from runtime.one_text import OneText, Taken
from runtime.readers import PipelineReader, PipelineTokens, WordReader, WordTokens
from runtime.reading_policy import settled
from runtime.serve.batching.reading import Reading
from runtime.serve.batching.stream_gate import SharedBackend
from runtime.serve.batching.whole_rows import first_texts, texts_in_rows
from runtime.text.label_schemes import LabelSet

# Ways of reading whose readers are kept: one of the pipeline's holds a tokenizer, a few megabytes.
_MOST_READERS = 32


@dataclass(frozen=True, slots=True)
class TokenProbabilities:
    """Of one text: for each token, special tokens left out, the probability of each label. [tokens, labels]"""

    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Questions of a batch as tokens.

    Attributes:
        given: as the reader made them, or one short text as OneText took it.
        text_start: where each question's tokens start, and, last, where all end. [questions + 1]
        refused: by place, the questions that are too long; they stand among the tokens as empty ones.
    """

    given: WordTokens | PipelineTokens | Encoded | Taken
    text_start: NDArray[np.int64]
    refused: dict[int, TextError]


class TaggingStages:
    """See the module. Its methods may be called from several threads at once.

    Args:
        encoder: the checkpoint's tokenizer.
        labels: the model's, or their names in the order of the logits.
        backend: runs the batches.
        max_length: most tokens of a row, special tokens included.
        align: see Packing.align.
        windowing: how texts are cut for requests that do not say.
    """

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str] | LabelSet,
        backend: Backend,
        *,
        max_length: int,
        align: int = 1,
        windowing: Windowing = DEFAULT_WINDOWING,
    ) -> None:
        self.labels = labels if isinstance(labels, LabelSet) else LabelSet(labels)
        self.max_length = max_length
        # A padded row longer than the model's positions would be read out of bounds.
        aligned = align if backend.layout == "packed" or max_length % row_align(align) == 0 else 1
        self.backend = SharedBackend(backend, align=aligned)
        self._encoder, self._windowing = encoder, windowing
        self._capacity = max_length - len(encoder.special_tokens)
        self._readers: OrderedDict[Reading, tuple[WordReader | PipelineReader, OneText | None]] = OrderedDict()
        self._lock = Lock()
        self._raw = functools.cache(
            lambda: RawEncoder(encoder.path, raw=encoder.raw)
        )  # a second tokenizer, which few need

    @property
    def special_tokens(self) -> tuple[int, int]:
        """How many special tokens open and close a window."""
        return len(self._encoder.special_tokens.prefix), len(self._encoder.special_tokens.suffix)

    @property
    def around(self) -> int:
        """Token slots that a text takes beside its tokens: for special tokens, and half of what alignment leaves."""
        return len(self._encoder.special_tokens) + self.backend.packing.align // 2

    def check(self, reading: Reading) -> None:
        """Refuse a reading that this model cannot do, before it is in a queue.

        Raises:
            UsageError: there is no such label or way, and the message lists those that there are; or the aggregation
                reads texts otherwise than is asked for.
        """
        self._reader_and_one(reading)

    def tokenize(self, reading: Reading, questions: Sequence[Any]) -> Tokens:
        """Questions as tokens; those that are refused are empty."""
        tokens = self._tokenized(reading, questions)
        if reading.long == "split" or isinstance(tokens.given, Taken):
            return tokens
        count = tokens.given.longest
        if count.max(initial=0) <= self._capacity:
            return tokens
        refused = {
            place: _too_long(place, int(count[place]), self._capacity)
            for place in np.flatnonzero(count > self._capacity).tolist()
        }
        empty: Any = () if reading.kind == "labels" else ""
        kept = [empty if place in refused else question for place, question in enumerate(questions)]
        shorter = self._tokenized(reading, kept)
        return Tokens(shorter.given, shorter.text_start, refused)

    def fitting(self, reading: Reading, tokens: Tokens, *, slots: int) -> int:
        """How many of the first questions fill so many token slots; all of them where they are less, or any suits."""
        packing, encoded = self.backend.packing, _encoded(tokens.given)
        # In context, windows are more than sentences.
        if encoded is None or not self.backend.spare or self._settled(reading).neighbors:
            return len(tokens.text_start) - 1
        return texts_in_rows(
            encoded.sentence_start,
            encoded.text_start,
            around=len(self._encoder.special_tokens),
            align=packing.align,
            length=packing.shortest,
            rows=max(1, slots // packing.shortest),
        )

    def first(self, tokens: Tokens, count: int) -> Tokens:
        """The first questions of those that `fitting` was asked about."""
        given, encoded = tokens.given, _encoded(tokens.given)
        assert encoded is not None
        kept = first_texts(encoded, count)
        if isinstance(given, WordTokens):
            words = int(encoded.word_start[count])
            given = WordTokens(given.texts[:count], kept, given.bounds[:words])
        else:
            given = kept
        refused = {place: error for place, error in tokens.refused.items() if place < count}
        return Tokens(given, tokens.text_start[: count + 1], refused)

    def run(self, reading: Reading, tokens: Tokens) -> Any:
        """What the backend says of the tokens.

        Raises:
            BackendError: it refused a batch, or answered with what is no number.
        """
        (reader, one), given = self._reader_and_one(reading), tokens.given
        if isinstance(given, Taken):
            assert one is not None
            return one.run(given)
        if isinstance(reader, PipelineReader):
            assert isinstance(given, PipelineTokens)
            return reader.run(given)
        if isinstance(given, Encoded):
            return reader.word_labels(given)
        assert isinstance(given, WordTokens)
        return reader.run(given)

    def decode(self, reading: Reading, tokens: Tokens, said: Any) -> list[Any]:
        """An answer to each question: entities, labels or TokenProbabilities; a TextError for one that is refused."""
        answers = self._decoded(reading, tokens, said)
        for place, error in tokens.refused.items():
            answers[place] = error
        return answers

    def close(self) -> None:
        """Give back the backend's memory and threads."""
        self.backend.close()

    def _tokenized(self, reading: Reading, questions: Sequence[Any]) -> Tokens:
        if reading.kind == "labels":
            encoded = self._encoder.encode_words(questions)
            return Tokens(encoded, encoded.text_start, {})
        reader, one = self._reader_and_one(reading)
        if one and len(questions) == 1 and (taken := one.take(questions[0])):
            return Tokens(taken, np.array([0, taken.tokens]), {})
        given = reader.tokenize(questions)
        return Tokens(given, given.text_start, {})

    def _decoded(self, reading: Reading, tokens: Tokens, said: Any) -> list[Any]:
        if isinstance(tokens.given, Encoded):
            names = np.array(self.labels.labels, dtype=object)[said].tolist()
            return [names[start:end] for start, end in itertools.pairwise(tokens.given.word_start.tolist())]
        if reading.kind == "probabilities":
            return [TokenProbabilities(said[a:b]) for a, b in itertools.pairwise(tokens.text_start.tolist())]
        reader, one = self._reader_and_one(reading)
        if isinstance(tokens.given, Taken):
            assert one is not None
            return [one.decode(tokens.given, said)]
        if isinstance(reader, PipelineReader):
            assert isinstance(tokens.given, PipelineTokens)
            if reading.kind == "groups":
                return list(reader.groups(tokens.given, said))
            return list(reader.entities(tokens.given, said))
        assert isinstance(tokens.given, WordTokens)
        return list(reader.entities(tokens.given, said))

    def _reader_and_one(self, reading: Reading) -> tuple[WordReader | PipelineReader, OneText | None]:
        with self._lock:
            if reading in self._readers:
                self._readers.move_to_end(reading)
                return self._readers[reading]
        made = self._made(reading, reading.decoding)
        with self._lock:
            self._readers[reading] = made
            while len(self._readers) > _MOST_READERS:
                self._readers.popitem(last=False)
        return made

    def _made(self, reading: Reading, decoding: Decoding) -> tuple[WordReader | PipelineReader, OneText | None]:
        by_word = decoding.aggregation == "word"
        if reading.kind == "labels" and not by_word:
            problem = f"aggregation {decoding.aggregation!r} is about texts, and words that are given have a label each"
            raise UsageError("words", problem, "leave one of the two out")
        windowing = self._settled(reading) if by_word else settled(reading.windowing, decoding)
        runner = BatchRunner(
            self.backend,
            self._encoder.special_tokens,
            self._capacity,
            windowing.overlap(self._capacity),
            windowing.neighbors,
            len(self.labels.labels),
        )
        if not by_word:
            return PipelineReader(self._raw(), runner, self.labels, decoding), None
        sentences = windowing.policy != "windows"
        reader = WordReader(self._encoder, runner, self.labels, decoding, sentences=sentences)
        one = OneText(self._encoder, runner, self.labels, decoding, sentences=sentences)
        return reader, one if reading.kind == "entities" else None

    def _settled(self, reading: Reading) -> Windowing:
        """The reading's windowing; where it leaves the policy open, that of these stages."""
        asked = reading.windowing.settled(self._windowing.policy, context=self._windowing.context)
        return asked.settled("sentences")


def _encoded(given: WordTokens | PipelineTokens | Encoded | Taken) -> Encoded | None:
    """The words' tokens; None where what is given has none that can be cut off."""
    if isinstance(given, WordTokens):
        return given.encoded
    return given if isinstance(given, Encoded) else None


def _too_long(place: int, tokens: int, capacity: int) -> TextError:
    problem = f"{tokens:,} tokens, this model takes {capacity:,} at once"
    return TextError(place + 1, problem, "split it into shorter texts, at sentence ends")
