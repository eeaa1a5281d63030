"""Tagger: the one object that users hold. It joins tokenizer, engine and decoder, and does none of their work.

>>> from runtime import Tagger
>>> tagger = Tagger.open(bundle)
>>> entity = tagger.tag(["Angela Merkel visited Paris."])[0][0]
>>> entity.label, entity.text, entity.start, entity.end
('PER', 'Angela Merkel', 0, 13)
>>> tagger.tag_words([["Angela", "Merkel", "visited", "Paris", "."]])
[['B-PER', 'I-PER', 'O', 'B-LOC', 'O']]
>>> for entities in tagger.stream(line for line in ["Paris", "Nothing"]):
...     print([entity.text for entity in entities])
['Paris']
[]
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import NO_SETTINGS, Backend, Goal, Options, candidate_for, open_candidate
from runtime.batch.chunks import Chunk, chunks
from runtime.bundle.store import TOKENIZER, Bundle
from runtime.bundle.third_party import open_folder
from runtime.concurrency import in_order
from runtime.decode.hf_pipeline import Strategy, entities_from_tokens, softmax
from runtime.decode.labels import Tags, entities_from_tags, joined, least_scores, tags_from_logits, without_dropped
from runtime.decode.options import BY_WORD, NO_THRESHOLDS, Aggregation, Decoding
from runtime.decode.viterbi import best_allowed
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import BundleError, TextError, UsageError
from runtime.logits import Engine, word_blocks
from runtime.selection import OnDevice, Wanted, describe
from runtime.system.libraries import available_threads
from runtime.text.entity import Entity
from runtime.text.label_schemes import OUTSIDE, LabelSet

Long = Literal["split", "error"]
# Texts that are encoded, run and decoded together. Enough to sort by length well; more only costs memory.
CHUNK = 512
# Share of a window that the next one reads again, unless told otherwise. Chosen from the table of bench.strides: in
# documents of 20,000 words F1 is 2.0 points above that of windows side by side, for twice the work; 0.25 gives 0.8.
STRIDE_SHARE = 0.5
# Logits of a word that the tokenizer turns into nothing: surely outside, and finite so that arithmetic stays so.
_SURELY_NOT = -1e4


class Tagger:
    """Finds named entities in texts.

    Its methods may be called from several threads at once, as far as the backend's may: all that come with Nerve do.
    Only `close` must come last.

    Args:
        encoder: the checkpoint's tokenizer.
        labels: label names in the order of the logits; "O" is among them.
        backend: the engine.
        max_length: most tokens a row can hold, special ones included.
        vocabulary: rows of the embedding table.
        long: what to do with a text longer than max_length: split it into windows, or refuse it.
        stride: tokens that neighbouring windows share; "auto" is half a window.
        decoding: how logits become entities.
        about: what runs, in one line for people.

    Raises:
        UsageError: the stride leaves a window nothing of its own, or the decoding names types that do not exist.
        BundleError: the tokenizer can give out ids that the embedding table does not have.
    """

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str],
        backend: Backend,
        *,
        max_length: int,
        vocabulary: int,
        long: Long = "split",
        stride: int | Literal["auto"] = "auto",
        decoding: Decoding = BY_WORD,
        about: str = "",
    ) -> None:
        if encoder.largest_id >= vocabulary:
            problem = f"its ids reach {encoder.largest_id}, the model's embedding table ends at {vocabulary - 1}"
            raise BundleError("tokenizer", problem, "use the tokenizer that the checkpoint was trained with")
        capacity = max_length - len(encoder.special_tokens)
        overlap = int(STRIDE_SHARE * capacity) if stride == "auto" else stride
        if not 0 <= overlap < capacity:
            raise UsageError("stride", f"{stride}", f"give 0 to {capacity - 1}, fewer tokens than a window has")
        self.labels = LabelSet(labels)
        self.max_length = max_length
        self.backend = backend
        self.about = about
        self._encoder, self._long, self._decoding = encoder, long, decoding
        self._engine = Engine(backend, encoder.special_tokens, capacity, overlap, len(labels))
        self._allowed = self.labels.transitions()
        self._least = least_scores(self.labels, decoding.thresholds, decoding.ignore)
        self._raw = functools.cache(lambda: RawEncoder(encoder.path))  # a second tokenizer, which few need
        self._nothing = np.where(np.array(labels) == OUTSIDE, 0, _SURELY_NOT).astype(np.float32)

    @classmethod
    def open(
        cls,
        bundle: Path | Bundle,
        *,
        backend: str = "onnxruntime",
        precision: Wanted = "fp32",
        device: OnDevice = "auto",
        file: str = "",
        goal: Goal = "throughput",
        threads: int = 0,
        checkpoint: Path | None = None,
        engine: Mapping[str, str] = NO_SETTINGS,
        allow_uncertified: bool = False,
        long: Long = "split",
        stride: int | Literal["auto"] = "auto",
        aggregation: Aggregation = "word",
        constrained: bool = False,
        thresholds: Mapping[str, float] = NO_THRESHOLDS,
        ignore: Collection[str] = (),
    ) -> Self:
        """A tagger on a bundle, verified and certified.

        >>> with Tagger.open(bundle, thresholds={"PER": 0.5}, ignore=["LOC"]) as tagger:
        ...     [entity.text for entity in tagger.tag(["Angela Merkel visited Paris."])[0]]
        ['Angela Merkel']

        Args:
            bundle: the folder that export made, or one that others made, see runtime.bundle.third_party; or one already opened.
            backend: a name in runtime.backends.base.BACKENDS, or "auto": the fastest certified one; see runtime.selection.
            precision: to compute in, or "auto".
            device: to run on: "cpu", "cuda", or "auto": wherever the fastest runs.
            file: the bundle's graph or engine to run; empty: the fastest that backend and precision leave.
            goal: many texts in the least time, each single one in the least time, or a few texts, this start included.
            threads: for the engine; 0 takes every CPU that this process may use.
            checkpoint: for the backend pytorch; left out, it is where the manifest says.
            engine: settings of the engine in its own words; see runtime.backends.onnxruntime_cuda.
            allow_uncertified: run a candidate that holds no passing certificate.
            long, stride: see the class.
            aggregation, constrained, thresholds, ignore: see Decoding.

        Raises:
            BundleError: the bundle is missing, damaged, or not certified for this candidate.
            BackendError: the backend is unknown, not installed, or cannot load the graph.
            UsageError: an option has a value that there is not; the message lists those that there are.
        """
        decoding = Decoding(aggregation=aggregation, constrained=constrained, thresholds=thresholds, ignore=ignore)
        opened = bundle if isinstance(bundle, Bundle) else open_folder(bundle, allow_uncertified=allow_uncertified)
        options = Options(
            precision=precision,
            threads=threads or available_threads(),
            checkpoint=checkpoint or Path(opened.manifest.checkpoint.name),
            certified=not allow_uncertified,
            file=file,
            goal=goal,
            device=device,
            engine=engine,
        )
        manifest = opened.manifest
        candidate = candidate_for(backend, opened, options)
        return cls(
            Encoder(opened.file(TOKENIZER)),
            manifest.labels,
            open_candidate(candidate, opened, options),
            max_length=manifest.max_length,
            vocabulary=manifest.vocabulary,
            long=long,
            stride=stride,
            decoding=decoding,
            about=describe(opened, candidate, backend=backend, precision=precision),
        )

    def tag(self, texts: Sequence[str]) -> list[list[Entity]]:
        """The entities of each text, in order and disjoint; offsets are code points of the text given.

        Raises:
            TextError: a text is longer than the model and `long` is "error"; the message counts from 1.
        """
        return list(self.stream(texts))

    def stream(self, texts: Iterable[str], *, chunk: int = CHUNK) -> Iterator[list[Entity]]:
        """The same for texts without end: order kept, memory bounded.

        Args:
            texts: any iterable; it is read up to six chunks ahead.
            chunk: texts that share batches. 1 answers each text before it asks for the next.

        Raises:
            TextError: a text is longer than the model and `long` is "error", after the answers to all texts before it.
        """
        # While the engine is busy with one chunk, tokens of the next are made, and the one before is decoded.
        for found, error in in_order(self._answered, chunks(texts, chunk), workers=1 if chunk == 1 else 2):
            yield from found
            if error:
                raise error

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """A label for every word of texts that are cut into words already: that of its first token.

        Constraints are kept to. The words of an entity that is ignored or scores below its threshold become "O".
        The pipeline's aggregation is about text that is not cut into words, and changes nothing here.

        Raises:
            TextError: a text is longer than the model and `long` is "error"; the message counts from 1.
        """
        names = np.array(self.labels.labels, dtype=object)
        answers: list[list[str]] = []
        for encoded in self._encoded_words(sentences):
            kept = without_dropped(self._tags(encoded), self.labels, encoded.word_start, least=self._least)
            starts = encoded.word_start.tolist()
            labels = names[kept].tolist()
            answers += [labels[start:end] for start, end in itertools.pairwise(starts)]
        return answers

    def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Logits of every word of texts that are cut into words already, one text after another. [words, labels]

        A word that the tokenizer turns into nothing gets 0 for "O" and -10,000 for every other label.

        Raises:
            TextError: a text is longer than the model and `long` is "error"; the message counts from 1.
        """
        blocks = [block for encoded in self._encoded_words(sentences) for block in self._logits(encoded)]
        return np.concatenate([np.empty((0, len(self._nothing)), np.float32), *blocks])

    def close(self) -> None:
        """Give back the engine's memory and threads."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answered(self, chunk: Chunk) -> tuple[list[list[Entity]], TextError | None]:
        """Entities of a chunk, up to the text that is refused."""
        try:
            return self._tag(chunk.texts, chunk.before), None
        except TextError as error:
            return self._tag(chunk.texts[: error.number - chunk.before - 1], chunk.before), error

    def _tag(self, texts: Sequence[str], before: int) -> list[list[Entity]]:
        """Entities of a chunk; `before` texts came earlier, so that an error counts as the user does."""
        aggregation = self._decoding.aggregation
        if aggregation != "word":
            return self._tag_raw(texts, before, aggregation)
        encoded, bounds = self._encoder.encode_texts(texts)
        self._check_lengths(encoded.text_start, before)
        tags = self._tags(encoded)
        return entities_from_tags(tags, self.labels, encoded.word_start, texts, bounds, least=self._least)

    def _tag_raw(self, texts: Sequence[str], before: int, strategy: Strategy) -> list[list[Entity]]:
        """The same as transformers' pipeline would."""
        tokens = self._raw().encode(texts)
        self._check_lengths(tokens.text_start, before)
        blocks = [softmax(logits) for _, logits in self._engine.token_blocks(tokens.ids, tokens.text_start)]
        return entities_from_tokens(
            np.concatenate([np.empty((0, len(self._nothing)), np.float32), *blocks]),
            tokens,
            self.labels.labels,
            texts,
            strategy=strategy,
            least=np.append(self._least, 0.0)[self.labels.type],  # the last is for labels outside, whose type is -1
        )

    def _encoded_words(self, sentences: Sequence[Sequence[str]]) -> Iterator[Encoded]:
        """Tokens of sentences, chunk by chunk."""
        for start in range(0, len(sentences), CHUNK):
            encoded = self._encoder.encode_words(sentences[start : start + CHUNK])
            self._check_lengths(encoded.text_start, start)
            yield encoded

    def _check_lengths(self, text_start: NDArray[np.int64], before: int) -> None:
        if self._long == "split":
            return
        tokens, most = np.diff(text_start), self._engine.capacity
        for number in np.flatnonzero(tokens > most)[:1].tolist():
            problem = f"{tokens[number]:,} tokens, this model takes {most:,} at once"
            raise TextError(before + number + 1, problem, "split it into shorter texts, at sentence ends")

    def _logits(self, encoded: Encoded) -> Iterator[NDArray[np.float32]]:
        """Logits of each word's first token, in blocks. [words, labels]"""
        tokens = self._engine.token_blocks(encoded.ids, encoded.text_start)
        return word_blocks(tokens, encoded.first_token, self._nothing)

    def _tags(self, encoded: Encoded) -> Tags:
        if not self._decoding.constrained:
            return joined([tags_from_logits(logits) for logits in self._logits(encoded)])
        logits = np.concatenate([np.empty((0, len(self._nothing)), np.float32), *self._logits(encoded)])
        return best_allowed(logits, encoded.word_start, self._allowed)
