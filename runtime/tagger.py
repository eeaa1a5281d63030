"""Tagger: finds named entities in texts. It joins tokenizer, backend and decoder, and does not know how they work.

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
from runtime.batch.flow import flow_of
from runtime.batch.repeats import Repeats
from runtime.batch.windowing import DEFAULT_WINDOWING, Windowing
from runtime.bundle.certificate import AUTO
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import Bundle
from runtime.chunk_answers import Answered, Answering
from runtime.concurrency import in_order
from runtime.decode.options import BY_WORD, Decoding
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import TextError
from runtime.guarded_backend import GuardedBackend
from runtime.logits import BatchRunner
from runtime.one_text import OneText
from runtime.opening import OpenModel, open_model
from runtime.prepare import Prepared
from runtime.readers import PipelineReader, Reader, WordReader
from runtime.reading_policy import as_measured, settled
from runtime.selection import Choice
from runtime.text.answer import Answer, Document, Question, questions_of
from runtime.text.entity import Entity
from runtime.text.given import listed, lists_of_words, text_of, texts_of
from runtime.text.label_schemes import LabelSet, label_set_of

# Texts that are tokenized, run and decoded together: enough to fill batches well; more would only cost memory.
CHUNK = 512


class Tagger:
    """Finds named entities in texts.

    Several threads may call its methods at the same time, with every backend that comes with Nerve. What is called
    after `close`, or in a process that was forked after it was opened, raises a UsageError.

    Args:
        encoder: the checkpoint's tokenizer.
        labels: the model's, or their names in the order of the logits; "O" is one of them.
        backend: runs the model.
        max_length: largest number of tokens that the model takes at once, special tokens included.
        vocabulary: number of rows of the model's embedding table.
        windowing: the choices for cutting a text for the model; "auto" means sentences here.
        decoding: the choices for turning logits into entities.
        remember: number of sentences whose answers are kept, for input that repeats itself.
        about: one line for people: what runs, and how fast it was measured to be.

    Raises:
        UsageError: the stride is too large, an entity type is unknown, or windowing and aggregation contradict.
        BundleError: the tokenizer has ids that the embedding table does not have.
    """

    def __init__(
        self,
        encoder: Encoder,
        labels: Sequence[str] | LabelSet,
        backend: Backend,
        *,
        max_length: int,
        vocabulary: int,
        windowing: Windowing = DEFAULT_WINDOWING,
        decoding: Decoding = BY_WORD,
        remember: int = 0,
        about: str = "",
    ) -> None:
        encoder.check_ids(vocabulary)
        capacity, windowing = max_length - len(encoder.special_tokens), settled(windowing, decoding)
        self.labels = labels if isinstance(labels, LabelSet) else LabelSet(labels)
        self.max_length = max_length
        self.backend, self.about = backend, about
        self._guard, self.repeats = GuardedBackend(backend), Repeats(remember)
        runner = BatchRunner(
            self._guard,
            encoder.special_tokens,
            capacity,
            windowing.overlap(capacity),
            windowing.neighbors,
            len(self.labels.labels),
            about or "the backend",
            self.repeats,
        )
        self._encoder, sentences = encoder, windowing.policy != "windows"
        # Texts that are given as words are read by words whatever the aggregation is: it is about free text.
        self._words = WordReader(encoder, runner, self.labels, decoding, sentences=sentences)
        self.reader: Reader[Any, Any] = self._words
        """Reads free text; see runtime.readers. Its steps can be called one by one."""
        if decoding.aggregation != "word":
            self.reader = PipelineReader(RawEncoder(encoder.path, raw=encoder.raw), runner, self.labels, decoding)
        most = capacity if windowing.long == "error" else None
        one = OneText(encoder, runner, self.labels, decoding, sentences=sentences)
        by_section = windowing.policy == "sentences"
        self._answering = Answering(encoder, self.labels, self.reader, self._words, most, by_section, one)

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
        reproducible: bool = False,
        remember: int = 0,
        profile: str | RunProfile = "",
    ) -> Self:
        """A tagger on a bundle. The bundle is verified, and the candidate that runs is certified.

        Args:
            bundle: the folder that export made, or one that others made (see runtime.bundle.third_party); or a Bundle,
                or what runtime.prepare made of one. In each case the bytes that are loaded are verified first.
            candidate: a Candidate of the bundle; a Wanted, which leaves some of it open; or "auto": the fastest
                certified candidate that is installed, which is safe because a certificate bounds its errors.
            goal: see runtime.backends.base.Goal.
            threads: number of threads of the backend; 0: one for each CPU that this process may use.
            windowing, decoding, remember: see the class.
            settings: settings of the backend, by name; see runtime.backends.onnxruntime_cuda.
            checkpoint: folder of the checkpoint, for the backend pytorch; empty: the manifest's.
            profile: name of a profile that export.tune wrote into the bundle: it says candidate, goal and threads, of
                which `threads` may leave fewer; or a profile by itself.
            allow_uncertified: run a candidate even if it has no passing certificate.
            reproducible: make scores the same to the last bit whatever chunks and threads are; see runtime.aligned.

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
            profile=profile,
            reproducible=reproducible,
        )
        return cls.of_model(model, windowing=windowing, decoding=decoding, remember=remember)

    @property
    def in_sections(self) -> bool:
        """Whether `entities` reads a text section by section, and refuses none."""
        return self._answering.by_section and self._answering.most is None

    @property
    def in_context(self) -> bool:
        """Whether a sentence is read with its neighbors."""
        return self._words.in_context

    @classmethod
    def of_model(
        cls,
        model: OpenModel,
        *,
        windowing: Windowing = DEFAULT_WINDOWING,
        decoding: Decoding = BY_WORD,
        remember: int = 0,
    ) -> Self:
        """A tagger on a model that is already open; the tagger's `close` closes the model's backend."""
        return cls(
            model.encoder,
            label_set_of(model.manifest),
            model.backend,
            max_length=model.manifest.max_length,
            vocabulary=model.manifest.vocabulary,
            windowing=as_measured(windowing, decoding, model.manifest),
            decoding=decoding,
            remember=remember,
            about=model.about,
        )

    def tag(self, texts: Sequence[str]) -> list[list[Entity]]:
        """The entities of each text, in order and disjoint. Offsets are Unicode code points of the text given.

        Raises:
            UsageError: what is given is no list of strings.
            TextError: a text is longer than the model takes, and the windowing refuses it. Its number counts from 1.
        """
        if not isinstance(texts, (list, tuple)) or len(texts) != 1:
            return list(self.stream(texts))
        short = self._answering.short(text_of(texts[0]))
        return list(self.stream(texts, chunk=1)) if short is None else [short]

    def stream(self, texts: Iterable[str], *, chunk: int = CHUNK) -> Iterator[list[Entity]]:
        """The entities of each text, in order, for any number of texts: memory is bounded.

        Args:
            texts: any iterable; it is read at most six chunks ahead on a CPU, and three for each worker of
                runtime.batch.flow on a GPU.
            chunk: number of texts that share batches; on a GPU later chunks have up to four times as many with the
                default slots, and more with more. With 1, each text is answered before the next is read.

        Raises:
            UsageError, TextError: see tag; the latter after the entities of all texts before the refused one.
        """
        for answered in self._chunk_by_chunk(self._answering.texts, texts_of(texts), chunk):
            first = min(answered.refused, default=len(answered.found))
            yield from answered.found[:first]
            if answered.refused:
                raise answered.refused[first]

    def entities(self, text: str) -> Iterator[Entity]:
        """The entities of one text, as they are found: for texts whose entities are too many to wait for or to hold.

        Where sentences are read by themselves, memory is bounded whatever the length of the text; see
        runtime.text.sections. What is found is what `tag` finds.

        Raises:
            UsageError: it is no string.
            TextError: see tag; after the entities before that place.
        """
        self._guard.check()
        return itertools.chain.from_iterable(self._answering.sections(text_of(text)))

    def answers(self, questions: Iterable[Question], *, chunk: int = CHUNK) -> Iterator[Answer]:
        """One answer to each question, in order and lazily. A refused text is an answer too, and ends nothing; what is
        no Question raises a UsageError.

        Args:
            questions: free texts, texts of words and None, in any order; read ahead as by `stream`.
            chunk: see stream.
        """
        for answered in self._chunk_by_chunk(self._answering.questions, questions_of(questions), chunk):
            yield from answered.found

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """A label for each word of texts that are already cut into words: the label of the word's first token.

        Constraints, thresholds and ignored types of the decoding hold: words of a dropped entity get "O". The
        aggregation is about free text and has no effect here.

        Raises:
            UsageError, TextError: see tag; the former for what is no list of lists of strings.
        """
        answers: list[list[str]] = []
        for answered in self._chunk_by_chunk(self._answering.sentences, lists_of_words(sentences), CHUNK):
            for number in sorted(answered.refused):
                raise answered.refused[number]
            answers += answered.found
        return answers

    def tag_documents(self, documents: Sequence[Sequence[Sequence[str]]]) -> list[list[list[str]]]:
        """The same for sentences of documents: read with context, a sentence has its neighbors in the document.

        Raises:
            UsageError, TextError: see tag_words.
        """
        given = [Document(sentences) for sentences in listed(documents)]
        found = [answer.sentences for answer in self.answers(given)]
        for number, sentence in enumerate(itertools.chain.from_iterable(found), start=1):
            if sentence.refused:  # it was counted in its chunk
                raise TextError(number, sentence.refused.problem, sentence.refused.fix)
        return [[list(sentence.labels) for sentence in sentences] for sentences in found]

    def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Logits of each word of texts that are already cut into words, one text after another. [words, labels]

        A word that the tokenizer turns into nothing has 0 for "O" and -10,000 for every other label.

        Raises:
            UsageError, TextError: see tag_words.
        """
        blocks = [block for encoded in self._encoded_words(sentences) for block in self._words.logits(encoded)]
        return np.concatenate([np.empty((0, len(self._words.nothing)), np.float32), *blocks])

    def close(self) -> None:
        """Give back the backend's memory and threads, once what is being run is done; a second call does nothing."""
        self._guard.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _chunk_by_chunk(self, function: Any, questions: Iterable[Any], chunk: int) -> Iterator[Answered]:
        """The function's results for chunks of questions, in order."""
        self._guard.check()
        if chunk == 1:
            return in_order(function, chunks(questions, 1), workers=1)
        run = self.backend
        flow = flow_of(run.packing, streams=run.streams, on_gpu=run.device != "cpu")
        # With several workers, one chunk is tokenized or decoded while the backend runs another.
        return in_order(function, chunks(questions, chunk, growth=flow.growth), workers=flow.workers)

    def _encoded_words(self, sentences: Sequence[Sequence[str]]) -> Iterator[Encoded]:
        """Tokens of texts that are given as words, chunk by chunk."""
        self._guard.check()
        for before, part in chunks(lists_of_words(sentences), CHUNK):
            encoded = self._encoder.encode_words(part)
            for number, size in self._answering.too_long(encoded).items():
                raise self._answering.refusal(before + number, size)
            yield encoded
