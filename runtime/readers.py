"""Readers: two ways to find entities in a text, each in three steps.

    WordReader        cuts the text into words, as training corpora do; a word has the label of its first token
    PipelineReader    gives the whole text to the tokenizer, and makes entities of tokens as transformers' pipeline does

The steps are `tokenize` before the backend runs, `run` while it runs, and `entities` after it. Each takes and returns
plain data, so that steps of different texts can overlap in time. The tokens of several callers can be joined and run
together; each text gets the same entities as alone. The module does not know backends or files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime.decode.hf_pipeline import disjoint, entities_from_tokens, softmax
from runtime.decode.labels import Tags, entities_from_tags, joined, least_scores, tags_from_logits, without_dropped
from runtime.decode.options import Decoding, Strategy
from runtime.decode.viterbi import best_allowed, best_sequence
from runtime.encode.hf_pipeline import RawEncoder, RawTokens
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import BugError, UsageError
from runtime.logits import BatchRunner, word_blocks
from runtime.text.entity import Entity
from runtime.text.label_schemes import OUTSIDE, LabelSet

# Logit of every label but "O" for a word that the tokenizer turns into nothing. Minus infinity would make NaN in sums.
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
        """Number of each text's first token, and the number of all tokens. [texts + 1]"""
        ...

    @property
    def longest(self) -> NDArray[np.int64]:
        """Number of tokens of each text's longest part that is read by itself: a sentence, or the text. [texts]"""
        ...


T = TypeVar("T", bound=Tokenized)
S = TypeVar("S")


class Reader(Protocol[T, S]):
    """The three steps; see the module. T is the type of tokenized texts, S that of the backend's results."""

    def tokenize(self, texts: Sequence[str]) -> T:
        """The tokens of the texts."""
        ...

    def join(self, parts: Sequence[T]) -> T:
        """The parts as one, as if their texts had been tokenized together."""
        ...

    def run(self, tokens: T) -> S:
        """The backend's results for the tokens.

        Raises:
            BackendError: the backend refused a batch.
        """
        ...

    def entities(self, tokens: T, said: S) -> list[list[Entity]]:
        """The entities of each text, in order.

        Args:
            tokens: as `tokenize` or `join` gave them.
            said: as `run` gave it for these tokens.
        """
        ...


@dataclass(frozen=True, slots=True)
class WordTokens:
    """Texts as tokens of their words.

    Attributes:
        texts: the texts.
        encoded: their tokens.
        bounds: number of each word's first code point in its text, and of its last plus one. [words, 2]
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
    """Reads texts word by word; see the module.

    Args:
        encoder: the checkpoint's tokenizer.
        runner: gives logits for tokens.
        labels: labels of the model.
        decoding: the choices for turning logits into entities.
        sentences: whether a text is read sentence by sentence.

    Attributes:
        nothing: the logits of a word that the tokenizer turns into nothing. [labels]

    Raises:
        UsageError: the decoding names entity types that the model does not have.
    """

    def __init__(
        self, encoder: Encoder, runner: BatchRunner, labels: LabelSet, decoding: Decoding, *, sentences: bool
    ) -> None:
        self._encoder, self._runner, self._labels = encoder, runner, labels
        self._sentences = sentences
        self._least = least_scores(labels, decoding.thresholds, decoding.ignore)
        self._allowed = labels.transitions() if decoding.constrained else None
        self._crf = labels.crf.within(self._allowed) if labels.crf and self._allowed else labels.crf
        self.nothing = np.where(np.array(labels.labels) == OUTSIDE, 0, _SURELY_NOT).astype(np.float32)

    @property
    def in_context(self) -> bool:
        """Whether a sentence is read with its neighbors."""
        return self._runner.context > 0

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
        """A label and its probability for every word."""
        if self._allowed is None and self._crf is None:
            # Block by block: without constraints, only the best label of each word must stay in memory.
            return joined([tags_from_logits(logits) for logits in self.logits(encoded)])
        # With them, or a CRF, the labels of a sentence depend on each other, and a sentence can lie in two blocks.
        logits = np.concatenate([np.empty((0, len(self.nothing)), np.float32), *self.logits(encoded)])
        if self._crf is not None:
            counts, outside = encoded.first_token >= 0, self._labels.labels.index(OUTSIDE)
            return best_sequence(logits, encoded.sentence_word, self._crf, counts=counts, outside=outside)
        assert self._allowed is not None
        return best_allowed(logits, encoded.sentence_word, self._allowed)

    def word_labels(self, encoded: Encoded) -> NDArray[np.int64]:
        """Label index of each word; words of dropped entities get "O". [words]"""
        return without_dropped(self.tags(encoded), self._labels, encoded.sentence_word, least=self._least)

    def logits(self, encoded: Encoded) -> Iterator[NDArray[np.float32]]:
        """Logits of each word's first token, block by block. [words, labels]"""
        tokens = self._runner.token_blocks(encoded.ids, encoded.text_start, encoded.sentence_start)
        return word_blocks(tokens, encoded.first_token, self.nothing)


@dataclass(frozen=True, slots=True)
class PipelineTokens:
    """Texts as tokens of whole texts; see RawTokens."""

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


def refuse_crf(labels: LabelSet) -> None:
    """Raise UsageError for a model with a CRF: the pipeline does not know it, and would answer otherwise than it."""
    if labels.crf is not None:
        problem = "this model has a CRF over words, and the pipeline's aggregations label tokens by themselves"
        raise UsageError("aggregation", problem, "choose 'word'")


class PipelineReader:
    """Reads texts as transformers' pipeline does; see the module.

    Args:
        encoder: the checkpoint's tokenizer, for whole texts.
        runner: gives logits for tokens.
        labels: labels of the model.
        decoding: the choices for turning logits into entities, with one of the pipeline's strategies.

    Raises:
        UsageError: the decoding names entity types that the model does not have.
    """

    def __init__(self, encoder: RawEncoder, runner: BatchRunner, labels: LabelSet, decoding: Decoding) -> None:
        if decoding.aggregation == "word":
            raise BugError("the pipeline has no strategy 'word'")
        refuse_crf(labels)
        self._encoder, self._runner, self._labels = encoder, runner, labels
        self._strategy: Strategy = decoding.aggregation
        self._outside = decoding.outside
        least = least_scores(labels, decoding.thresholds, decoding.ignore)
        # The strategies work on labels, thresholds on types. The type of "O" is -1 and picks the value at the end.
        self._least = np.append(least, 0.0)[labels.type]
        # What stands for no word is no entity.
        self._least[[label in labels.naming.padding for label in labels.labels]] = np.inf

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
        # Texts are read whole here, so each text takes the place of a sentence.
        text_start = tokens.text_start
        blocks = [softmax(logits) for _, logits in self._runner.token_blocks(tokens.ids, text_start, text_start)]
        return np.concatenate([np.empty((0, len(self._labels.labels)), np.float32), *blocks])

    def entities(self, tokens: PipelineTokens, said: NDArray[np.float32]) -> list[list[Entity]]:
        """See Reader."""
        names, least = self._labels.labels, self._least
        found = entities_from_tokens(
            said, tokens.raw, names, tokens.texts, strategy=self._strategy, least=least, outside=self._outside
        )
        return [disjoint(entities) for entities in found]

    def groups(self, tokens: PipelineTokens, said: NDArray[np.float32]) -> list[list[Entity]]:
        """All that the pipeline gives with `ignore_labels=[]`: "O" and padding, too, and what overlaps or is empty."""
        names = self._labels.labels
        every = np.zeros(len(names))
        return entities_from_tokens(
            said, tokens.raw, names, tokens.texts, strategy=self._strategy, least=every, outside=True
        )
