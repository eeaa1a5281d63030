"""How free text is read: cut into words as training corpora are, or as transformers' pipeline would.

    WordReader        each word has the label of its first token; entities are runs of words
    PipelineReader    the whole text goes to the tokenizer; the pipeline's strategies make entities of tokens

A reader's three steps are for three different moments, so that they can overlap: `tokenize` before the backend runs,
`run` while it runs, `entities` after it. Between them stands plain data. What several callers tokenized can be joined,
run together, and answered for each text as if it had come alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime.decode.hf_pipeline import entities_from_tokens, softmax
from runtime.decode.labels import Tags, entities_from_tags, joined, least_scores, tags_from_logits, without_dropped
from runtime.decode.options import Decoding, Strategy
from runtime.decode.viterbi import best_allowed
from runtime.encode.hf_pipeline import RawEncoder, RawTokens
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import BugError
from runtime.logits import Engine, word_blocks
from runtime.text.entity import Entity
from runtime.text.label_schemes import OUTSIDE, LabelSet

# Logits of a word that the tokenizer turns into nothing: surely outside, and finite so that arithmetic stays so.
_SURELY_NOT = -1e4


class Tokenized(Protocol):
    """Texts as tokens, one text after another."""

    @property
    def texts(self) -> Sequence[str]:
        """The texts themselves."""
        ...

    @property
    def ids(self) -> NDArray[np.int64]:
        """Token ids of all texts. [tokens]"""
        ...

    @property
    def text_start(self) -> NDArray[np.int64]:
        """Where each text's tokens start, and, last, where all end. [texts + 1]"""
        ...

    @property
    def longest(self) -> NDArray[np.int64]:
        """Tokens of the longest part of each text that is read by itself. [texts]"""
        ...


T = TypeVar("T", bound=Tokenized)
S = TypeVar("S")


class Reader(Protocol[T, S]):
    """See the module. T is what it tokenizes to, S what the backend's run makes of that."""

    def tokenize(self, texts: Sequence[str]) -> T:
        """The texts as tokens."""
        ...

    def join(self, parts: Sequence[T]) -> T:
        """As if the texts of all parts had been tokenized together."""
        ...

    def run(self, tokens: T) -> S:
        """What the backend says of the tokens.

        Raises:
            BackendError: the backend refused a batch.
        """
        ...

    def entities(self, tokens: T, said: S) -> list[list[Entity]]:
        """The entities of each text, in order."""
        ...


@dataclass(frozen=True, slots=True)
class WordTokens:
    """Texts as tokens of words.

    Attributes:
        texts: the texts.
        encoded: their tokens.
        bounds: first and one past the last code point of each word, in its text. [words, 2]
    """

    texts: Sequence[str]
    encoded: Encoded
    bounds: NDArray[np.int32]

    @property
    def ids(self) -> NDArray[np.int64]:
        """See Tokenized."""
        return self.encoded.ids

    @property
    def text_start(self) -> NDArray[np.int64]:
        """See Tokenized."""
        return self.encoded.text_start

    @property
    def longest(self) -> NDArray[np.int64]:
        """See Tokenized."""
        return self.encoded.longest


class WordReader:
    """See the module.

    Args:
        encoder: the checkpoint's tokenizer.
        engine: runs tokens.
        labels: the model's.
        decoding: how logits become entities.
        sentences: whether a text is read sentence by sentence.
    """

    def __init__(
        self, encoder: Encoder, engine: Engine, labels: LabelSet, decoding: Decoding, *, sentences: bool
    ) -> None:
        self._encoder, self._engine, self._labels = encoder, engine, labels
        self._sentences = sentences
        self._least = least_scores(labels, decoding.thresholds, decoding.ignore)
        self._allowed = labels.transitions() if decoding.constrained else None
        self.nothing = np.where(np.array(labels.labels) == OUTSIDE, 0, _SURELY_NOT).astype(np.float32)

    def tokenize(self, texts: Sequence[str]) -> WordTokens:
        """See Reader."""
        return WordTokens(texts, *self._encoder.encode_texts(texts, sentences=self._sentences))

    def join(self, parts: Sequence[WordTokens]) -> WordTokens:
        """See Reader."""
        if len(parts) == 1:
            return parts[0]
        texts = [text for part in parts for text in part.texts]
        bounds = np.concatenate([np.empty((0, 2), np.int32), *(part.bounds for part in parts)])
        return WordTokens(texts, Encoded.joined([part.encoded for part in parts]), bounds)

    def run(self, tokens: WordTokens) -> Tags:
        """See Reader. A label and its probability for every word."""
        return self.tags(tokens.encoded)

    def entities(self, tokens: WordTokens, said: Tags) -> list[list[Entity]]:
        """See Reader."""
        return entities_from_tags(
            said,
            self._labels,
            tokens.encoded.word_start,
            tokens.encoded.sentence_word,
            tokens.texts,
            tokens.bounds,
            least=self._least,
        )

    def tags(self, encoded: Encoded) -> Tags:
        """A label and its probability for every word of texts that were given as words."""
        if self._allowed is None:
            return joined([tags_from_logits(logits) for logits in self.logits(encoded)])
        logits = np.concatenate([np.empty((0, len(self.nothing)), np.float32), *self.logits(encoded)])
        return best_allowed(logits, encoded.sentence_word, self._allowed)

    def word_labels(self, encoded: Encoded) -> NDArray[np.int64]:
        """Label index of each word; the words of entities that are ignored or score too low are outside. [words]"""
        return without_dropped(self.tags(encoded), self._labels, encoded.sentence_word, least=self._least)

    def logits(self, encoded: Encoded) -> Iterator[NDArray[np.float32]]:
        """Logits of each word's first token, in blocks. [words, labels]"""
        tokens = self._engine.token_blocks(encoded.ids, encoded.text_start, encoded.sentence_start)
        return word_blocks(tokens, encoded.first_token, self.nothing)


@dataclass(frozen=True, slots=True)
class PipelineTokens:
    """Texts as the pipeline's tokens; see RawTokens."""

    texts: Sequence[str]
    raw: RawTokens

    @property
    def ids(self) -> NDArray[np.int64]:
        """See Tokenized."""
        return self.raw.ids

    @property
    def text_start(self) -> NDArray[np.int64]:
        """See Tokenized."""
        return self.raw.text_start

    @property
    def longest(self) -> NDArray[np.int64]:
        """See Tokenized."""
        return self.raw.longest


class PipelineReader:
    """See the module.

    Args:
        encoder: the checkpoint's tokenizer, for whole texts.
        engine: runs tokens.
        labels: the model's.
        decoding: how logits become entities; by one of the pipeline's strategies.
    """

    def __init__(self, encoder: RawEncoder, engine: Engine, labels: LabelSet, decoding: Decoding) -> None:
        if decoding.aggregation == "word":
            raise BugError("the pipeline has no strategy 'word'")
        self._encoder, self._engine, self._labels = encoder, engine, labels
        self._strategy: Strategy = decoding.aggregation
        least = least_scores(labels, decoding.thresholds, decoding.ignore)
        self._least = np.append(least, 0.0)[labels.type]  # the last is for labels outside, whose type is -1

    def tokenize(self, texts: Sequence[str]) -> PipelineTokens:
        """See Reader."""
        return PipelineTokens(texts, self._encoder.encode(texts))

    def join(self, parts: Sequence[PipelineTokens]) -> PipelineTokens:
        """See Reader."""
        if len(parts) == 1:
            return parts[0]
        return PipelineTokens([text for part in parts for text in part.texts], RawTokens.joined([p.raw for p in parts]))

    def run(self, tokens: PipelineTokens) -> NDArray[np.float32]:
        """See Reader. Probabilities of every token's labels. [tokens, labels]"""
        text_start = tokens.text_start
        blocks = [softmax(logits) for _, logits in self._engine.token_blocks(tokens.ids, text_start, text_start)]
        return np.concatenate([np.empty((0, len(self._labels.labels)), np.float32), *blocks])

    def entities(self, tokens: PipelineTokens, said: NDArray[np.float32]) -> list[list[Entity]]:
        """See Reader."""
        names, least = self._labels.labels, self._least
        return entities_from_tokens(said, tokens.raw, names, tokens.texts, strategy=self._strategy, least=least)
