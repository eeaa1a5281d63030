"""Tagger: the one object that users hold. It joins tokenizer, backend and decoder, and does none of their work.

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
>>> from runtime import Decoding
>>> with Tagger.open(bundle, decoding=Decoding(thresholds={"PER": 0.5}, ignore=["LOC"])) as picky:
...     [entity.text for entity in picky.tag(["Angela Merkel visited Paris."])[0]]
['Angela Merkel']
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import NO_SETTINGS, Backend, Goal
from runtime.batch.chunks import chunks
from runtime.batch.windowing import DEFAULT_WINDOWING, Policy, Windowing
from runtime.bundle.certificate import AUTO
from runtime.bundle.store import Bundle, Manifest
from runtime.chunk_answers import Answered, Answering
from runtime.concurrency import in_order
from runtime.decode.options import BY_WORD, Decoding
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import BundleError, UsageError
from runtime.logits import Engine
from runtime.opening import OpenModel, open_model
from runtime.prepare import Prepared
from runtime.readers import PipelineReader, Reader, WordReader
from runtime.selection import Choice
from runtime.text.answer import Answer, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

# Texts that are tokenized, run and decoded together. Enough to sort by length well; more only costs memory.
CHUNK = 512


class Tagger:
    """Finds named entities in texts.

    Its methods may be called from several threads at once, as far as the backend's may: all that come with Nerve do.
    Only `close` must come last.

    Args:
        encoder: the checkpoint's tokenizer.
        labels: label names in the order of the logits; "O" is among them.
        backend: runs the model.
        max_length: most tokens a row can hold, special tokens included.
        vocabulary: rows of the embedding table.
        windowing: how a text is cut for the model; "auto" is sentences here.
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
        windowing: Windowing = DEFAULT_WINDOWING,
        decoding: Decoding = BY_WORD,
        about: str = "",
    ) -> None:
        _check_ids(encoder, vocabulary)
        capacity = max_length - len(encoder.special_tokens)
        self.labels = LabelSet(labels)
        self.max_length = max_length
        self.backend = backend
        self.about = about
        by_word, policy = decoding.aggregation == "word", _policy(windowing, decoding)
        engine = Engine(
            backend,
            encoder.special_tokens,
            capacity,
            windowing.overlap(capacity),
            windowing.context if policy == "context" else 0,
            len(labels),
            about or "the backend",
        )
        self._encoder = encoder
        self._words = WordReader(encoder, engine, self.labels, decoding, sentences=policy != "windows")
        self.reader: Reader[Any, Any] = self._words
        """How free text is read; see runtime.readers. Its steps can be taken one by one."""
        if not by_word:
            self.reader = PipelineReader(RawEncoder(encoder.path, raw=encoder.raw), engine, self.labels, decoding)
        most = capacity if windowing.long == "error" else None
        by_section = by_word and policy == "sentences"
        self._answering = Answering(encoder, self.labels, self.reader, self._words, most, by_section)

    @classmethod
    def open(
        cls,
        bundle: str | PathLike[str] | Bundle | Prepared,
        *,
        candidate: Choice = AUTO,
        goal: Goal = "throughput",
        threads: int = 0,
        windowing: Windowing = DEFAULT_WINDOWING,
        decoding: Decoding = BY_WORD,
        settings: Mapping[str, str] = NO_SETTINGS,
        checkpoint: str | PathLike[str] = "",
        allow_uncertified: bool = False,
    ) -> Self:
        """A tagger on a bundle, verified and certified.

        Args:
            bundle: the folder that export made, or one that others made (see runtime.bundle.third_party); or a Bundle,
                or what runtime.prepare made of one. Whatever it is, the bytes that are loaded are verified first.
            candidate: what to run: a Candidate of the bundle; a Wanted, which leaves some of it open; or "auto", the
                fastest certified one that is installed. A certificate is what makes that safe.
            goal: many texts in the least time, each single one in the least time, or a few texts, this start included.
            threads: for the backend; 0 takes every CPU that this process may use.
            windowing, decoding: see the class.
            settings: of the backend's library, in its own words; see runtime.backends.onnxruntime_cuda.
            checkpoint: for the backend pytorch, a folder; empty: it is where the manifest says.
            allow_uncertified: run a candidate that holds no passing certificate.

        Raises:
            BundleError, UncertifiedError, BackendError, UsageError: see runtime.opening.open_model.
        """
        model = open_model(
            bundle,
            candidate=candidate,
            goal=goal,
            threads=threads,
            settings=settings,
            checkpoint=checkpoint,
            allow_uncertified=allow_uncertified,
        )
        return cls.of_model(model, windowing=windowing, decoding=decoding)

    @classmethod
    def of_model(
        cls, model: OpenModel, *, windowing: Windowing = DEFAULT_WINDOWING, decoding: Decoding = BY_WORD
    ) -> Self:
        """A tagger on a model that is open already."""
        return cls(
            model.encoder,
            model.manifest.labels,
            model.backend,
            max_length=model.manifest.max_length,
            vocabulary=model.manifest.vocabulary,
            windowing=_as_measured(windowing, model.manifest) if decoding.aggregation == "word" else windowing,
            decoding=decoding,
            about=model.about,
        )

    def tag(self, texts: Sequence[str]) -> list[list[Entity]]:
        """The entities of each text, in order and disjoint; offsets are code points of the text given.

        Raises:
            UsageError: one string is given in place of a list of texts.
            TextError: a text is longer than the model and windowing refuses that; the message counts from 1.
        """
        return list(self.stream(texts))

    def stream(self, texts: Iterable[str], *, chunk: int = CHUNK) -> Iterator[list[Entity]]:
        """The same for texts without end: order kept, memory bounded.

        Args:
            texts: any iterable; it is read up to six chunks ahead.
            chunk: texts that share batches. 1 answers each text before it asks for the next.

        Raises:
            UsageError, TextError: see tag; the latter after the answers to all texts before that one.
        """
        _refuse_string(texts)
        for answered in self._chunk_by_chunk(self._answering.texts, texts, chunk):
            for number, found in enumerate(answered.found):
                if number in answered.refused:
                    raise answered.refused[number]
                yield found

    def entities(self, text: str) -> Iterator[Entity]:
        """The entities of one text, as they are found: for texts whose entities are too many to wait for or to hold.

        Where sentences are read by themselves, memory is bounded whatever the length of the text; see
        runtime.text.sections. What is found is what `tag` finds.

        Raises:
            TextError: see tag; after the entities before that place.
        """
        return itertools.chain.from_iterable(self._answering.sections(text))

    def answers(self, questions: Iterable[Question], *, chunk: int = CHUNK) -> Iterator[Answer]:
        """One answer to each question, in order and lazily: free texts and texts of words mixed, refusals among them.

        Args:
            questions: any iterable, read ahead as `stream` does.
            chunk: see stream.
        """
        for answered in self._chunk_by_chunk(self._answering.questions, questions, chunk):
            yield from answered.found

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """A label for every word of texts that are cut into words already: that of its first token.

        Constraints are kept to. The words of an entity that is ignored or scores below its threshold become "O".
        The pipeline's aggregation is about text that is not cut into words, and changes nothing here.

        Raises:
            UsageError: a string is given in place of a list of words, or of a list of texts.
            TextError: a text is longer than the model and windowing refuses that; the message counts from 1.
        """
        answers: list[list[str]] = []
        for encoded in self._encoded_words(sentences):
            answers += self._answering.labels_of(encoded)
        return answers

    def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Logits of every word of texts that are cut into words already, one text after another. [words, labels]

        A word that the tokenizer turns into nothing gets 0 for "O" and -10,000 for every other label.

        Raises:
            UsageError, TextError: see tag_words.
        """
        blocks = [block for encoded in self._encoded_words(sentences) for block in self._words.logits(encoded)]
        return np.concatenate([np.empty((0, len(self._words.nothing)), np.float32), *blocks])

    def close(self) -> None:
        """Give back the backend's memory and threads."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _chunk_by_chunk(self, function: Any, questions: Iterable[Any], chunk: int) -> Iterator[Answered]:
        """The function's answers to chunks of questions, in order."""
        # While the backend is busy with one chunk, the next is tokenized, and the one before is decoded.
        return in_order(function, chunks(questions, chunk), workers=1 if chunk == 1 else 2)

    def _encoded_words(self, sentences: Sequence[Sequence[str]]) -> Iterator[Encoded]:
        """Tokens of sentences, chunk by chunk."""
        _refuse_string(sentences)
        for start in range(0, len(sentences), CHUNK):
            part = sentences[start : start + CHUNK]
            for words in part:
                _refuse_string(words)
            encoded = self._encoder.encode_words(part)
            for number, size in self._answering.too_long(encoded).items():
                raise self._answering.refusal(start + number, size)
            yield encoded


def _as_measured(windowing: Windowing, manifest: Manifest) -> Windowing:
    """The windowing with the policy that export found the best for the bundle, unless it says another."""
    best = manifest.default_reading
    return windowing.settled(best.policy, context=best.context) if best else windowing


def _check_ids(encoder: Encoder, vocabulary: int) -> None:
    """Raises BundleError where the tokenizer can give out ids that the embedding table does not have."""
    if encoder.largest_id >= vocabulary:
        problem = f"its ids reach {encoder.largest_id}, the model's embedding table ends at {vocabulary - 1}"
        raise BundleError("tokenizer", problem, "use the tokenizer that the checkpoint was trained with")


def _policy(windowing: Windowing, decoding: Decoding) -> Policy:
    """How texts are cut; UsageError where the decoding reads them otherwise."""
    by_word = decoding.aggregation == "word"
    policy = windowing.settled("sentences" if by_word else "windows").policy
    # The pipeline's strategies are about tokens of a whole text: sentences would change what they are compared with.
    if not by_word and policy != "windows":
        problem = f"{policy}, and aggregation {decoding.aggregation!r} reads texts whole, as the pipeline does"
        raise UsageError("reading", problem, "leave one of the two out")
    return policy


def _refuse_string(given: object) -> None:
    """A string is a sequence of strings, too, and would be read letter by letter.

    Raises:
        UsageError: it is one.
    """
    if isinstance(given, str):
        raise UsageError("texts", f"one string is given ({given[:20]!r}...)", "give a list, even of one")
