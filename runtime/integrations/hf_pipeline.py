"""transformers' `pipeline("token-classification")` on a bundle: the same calls, the same dictionaries, neither torch
nor transformers.

>>> from runtime.integrations import pipeline
>>> pipe = pipeline("ner", bundle, aggregation_strategy="simple")
>>> [(found["entity_group"], found["word"]) for found in pipe("Paris and nothing else")]
[('LOC', 'Paris')]

What differs is said in docs/integrations.md: texts longer than the model are read whole and not cut off, an empty list
is answered with an empty list, and `aggregation_strategy="word"` is Nerve's own, by whole words.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.backends.base import Backend
from runtime.batch.chunks import chunks
from runtime.bundle.store import TOKENIZER, Bundle
from runtime.concurrency import in_order
from runtime.decode.hf_pipeline import softmax
from runtime.decode.options import AGGREGATIONS, BY_WORD, Aggregation
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoder
from runtime.errors import UsageError
from runtime.guarded_backend import GuardedBackend
from runtime.integrations._open import FASTEST, Folder, Opening, open_tagger, open_verified
from runtime.integrations.hf_answers import Answer, AnswerMaker, answers_of_words
from runtime.integrations.hf_objects import Device, Model, PipelineTokenizer, model_of
from runtime.logits import BatchRunner
from runtime.readers import WordReader, WordTokens, refuse_crf
from runtime.text.given import listed
from runtime.text.label_names import OUTSIDE
from runtime.text.label_schemes import label_set_of

TASKS = ("ner", "token-classification")
# Texts that share batches where the caller does not say how many may.
CHUNK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one call asks for.

    Attributes:
        strategy: one of the pipeline's, or "word".
        ignore: labels that are left out; in full for "none", entity types for the others.
        stride: tokens that the windows of a long text share; -1 is half a window.
        chunk: texts that share batches.
        words: the inputs are cut into words already.
        delimiter: stands between words where they are joined.
    """

    strategy: Aggregation = "none"
    ignore: Collection[str] = (OUTSIDE,)
    stride: int = -1
    chunk: int = CHUNK
    words: bool = False
    delimiter: str = " "


DEFAULT_CALL = Call()


class Results(Iterator[list[Answer]]):
    """Answers that are made as they are asked for; it has a length where the inputs have one, as progress bars like."""

    def __init__(self, answers: Iterator[list[Answer]], inputs: Iterable[Any]) -> None:
        self._answers, self._inputs = answers, inputs

    def __next__(self) -> list[Answer]:
        return next(self._answers)

    def __len__(self) -> int:
        if isinstance(self._inputs, Sized):
            return len(self._inputs)
        raise TypeError("the inputs have no length")


class Pipeline:
    """See the module; `pipeline` makes one. It may be called from several threads at once.

    Args:
        bundle: opened; its tokenizer, configuration and labels are read.
        backend: runs the model.
        task: as the caller named it.
        call: what is asked for unless a call says otherwise.
        about: what runs, in one line for people.

    Attributes:
        task, about: as given.
        tokenizer, model, device: what callers read of them; see runtime.integrations.hf_objects.
    """

    def __init__(
        self, bundle: Bundle, backend: Backend, *, task: str = TASKS[0], call: Call = DEFAULT_CALL, about: str = ""
    ) -> None:
        manifest, path = bundle.manifest, bundle.file(TOKENIZER)
        self._backend, self._labels, self._call = GuardedBackend(backend), label_set_of(manifest), call
        self._encoder, self._raw = Encoder(path), RawEncoder(path)
        self._raw_words = functools.cache(lambda: RawEncoder(path, spaced=True))  # which few need
        special_tokens = self._encoder.special_tokens
        capacity = manifest.max_length - len(special_tokens)
        self._runner = BatchRunner(self._backend, special_tokens, capacity, capacity // 2, 0, len(manifest.labels))
        self.task, self.about = task, about
        self.device = Device(backend.device, 0 if backend.device == "cuda" else None)
        self.model: Model = model_of(bundle, self.device)
        self.tokenizer = PipelineTokenizer(
            self._raw.tokenizer, folder=bundle.path, most=manifest.max_length, unknown=self._raw.unknown
        )
        self._maker = AnswerMaker(self.tokenizer, manifest.labels, len(special_tokens.prefix))
        self._runner_for(call)

    def __call__(
        self,
        inputs: Any,
        *,
        aggregation_strategy: str | None = None,
        ignore_labels: Collection[str] | None = None,
        stride: int | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        is_split_into_words: bool = False,
        delimiter: str | None = None,
    ) -> Any:
        """The entities of a text, of a list of texts, or, lazily, of anything else that texts come out of.

        Args:
            inputs: a string; a list; or an iterable, a generator or a data set, which is read a chunk at a time.
            aggregation_strategy, ignore_labels, stride: for this call alone; left out, they are the constructor's.
            batch_size: texts that are read and answered together. Only 1 says something: answer each before asking
                for the next. Batches are made of tokens, and better than of texts.
            num_workers: of no effect.
            is_split_into_words: each input is a list of words.
            delimiter: stands between words in the text that `start` and `end` count in; left out, a space.

        Returns:
            A list of dictionaries for a string; a list of such lists for a list; otherwise an iterator over them.

        Raises:
            UsageError: an option or an input is not what it must be.
        """
        asked = dataclasses.replace(
            self._call,
            strategy=self._call.strategy if aggregation_strategy is None else strategy_of(aggregation_strategy),
            ignore=self._call.ignore if ignore_labels is None else tuple(ignore_labels),
            stride=self._call.stride if stride is None else stride,
            chunk=self._call.chunk if batch_size is None else chunk_of(batch_size),
            words=is_split_into_words,
            delimiter=" " if delimiter is None else delimiter,
        )
        if isinstance(inputs, str):
            return next(self._stream([inputs], asked))
        if isinstance(inputs, (list, tuple)):
            # The pipeline takes a list of words for one text, and answers with a list all the same.
            alone = asked.words and not all(isinstance(each, (list, tuple)) for each in inputs)
            return list(self._stream([inputs] if alone else inputs, asked))
        if isinstance(inputs, Iterable) or not hasattr(inputs, "__getitem__"):
            listed(inputs, "inputs", "give a text, a list of texts, or an iterable")
        return Results(self._stream(_items(inputs), asked), inputs)

    def close(self) -> None:
        """Give back the backend's memory and threads; what is asked later, or in a forked process, is refused."""
        self._backend.close()

    def _stream(self, inputs: Iterable[Any], call: Call) -> Iterator[list[Answer]]:
        """Answers in order and lazily; at most six chunks are read ahead."""
        answer = functools.partial(self._answer, call, self._runner_for(call))
        checked = (_checked(each, call.words) for each in inputs)
        for answers in in_order(answer, chunks(checked, call.chunk), workers=1 if call.chunk == 1 else 2):
            yield from answers

    def _runner_for(self, call: Call) -> BatchRunner:
        """The BatchRunner for the call's windows."""
        if call.stride < 0:
            return self._runner
        if call.stride >= self._runner.capacity:
            most = self._runner.capacity - 1
            raise UsageError("stride", f"{call.stride}", f"give 0 to {most}, fewer tokens than a window has")
        return dataclasses.replace(self._runner, stride=call.stride)

    def _answer(self, call: Call, runner: BatchRunner, chunk: Any) -> list[list[Answer]]:
        """The dictionaries of a chunk."""
        given: Sequence[Any] = chunk.items
        texts = [call.delimiter.join(words) for words in given] if call.words else given
        if call.strategy == "word":
            return self._answer_by_word(call, runner, given, texts)
        refuse_crf(self._labels)
        tokens = self._raw_words().encode_words(given, call.delimiter) if call.words else self._raw.encode(texts)
        blocks = [
            softmax(logits) for _, logits in runner.token_blocks(tokens.ids, tokens.text_start, tokens.text_start)
        ]
        probabilities = np.concatenate([np.empty((0, runner.labels), np.float32), *blocks])
        return self._maker.answers(probabilities, tokens, texts, strategy=call.strategy, ignore=call.ignore)

    def _answer_by_word(
        self, call: Call, runner: BatchRunner, given: Sequence[Any], texts: Sequence[str]
    ) -> list[list[Answer]]:
        """Nerve's own answer: a text is read by its sentences, and each word has the label of its first token."""
        reader = WordReader(self._encoder, runner, self._labels, BY_WORD, sentences=True)
        if call.words:
            tokens = WordTokens(texts, self._encoder.encode_words(given), _bounds(given, len(call.delimiter)))
        else:
            tokens = reader.tokenize(texts)
        return answers_of_words(reader.entities(tokens, reader.run(tokens)), call.ignore)


def pipeline(
    task: str,
    model: Folder,
    *,
    aggregation_strategy: str | None = None,
    ignore_labels: Collection[str] = (OUTSIDE,),
    stride: int | None = None,
    batch_size: int | None = None,
    grouped_entities: bool | None = None,
    device: Any = None,
    candidate: Opening = FASTEST,
) -> Pipeline:
    """A pipeline on a bundle; see the module.

    Args:
        task: "ner" or "token-classification".
        model: the bundle's folder.
        aggregation_strategy: "none" (the default), "simple", "first", "average", "max", or "word".
        ignore_labels: labels that are left out; in full for "none", entity types for the others.
        stride: tokens that the windows of a text longer than the model share; left out, half a window.
        batch_size: see Pipeline.__call__.
        grouped_entities: the old name of "simple"; transformers warns of it, and so does this.
        device: "cpu", "cuda", a torch.device, -1 or the number 0, as transformers takes it; left out, the fastest.
        candidate: what to run; see Opening.

    Raises:
        UsageError: there is no such task, strategy, label, stride or device.
        BundleError, UncertifiedError, BackendError: see Tagger.open.
    """
    if task not in TASKS:
        raise UsageError(f"task {task!r}", "a bundle finds entities, and does nothing else", f"give {TASKS[0]!r}")
    if grouped_entities is not None:
        warnings.warn("`grouped_entities` is deprecated, use `aggregation_strategy` instead", stacklevel=2)
        aggregation_strategy = aggregation_strategy or ("simple" if grouped_entities else "none")
    call = Call(
        strategy=strategy_of(aggregation_strategy or "none"),
        ignore=tuple(ignore_labels),
        stride=-1 if stride is None else stride,
        chunk=CHUNK if batch_size is None else chunk_of(batch_size),
    )
    opening = dataclasses.replace(candidate, device=device_of(device, candidate.device))
    bundle = open_verified(model, opening)
    tagger = open_tagger(bundle, opening)
    return Pipeline(bundle, tagger.backend, task=task, call=call, about=tagger.about)


def strategy_of(given: str) -> Aggregation:
    """A strategy's name in any case, or transformers' AggregationStrategy.

    Raises:
        UsageError: there is no such strategy.
    """
    name = str(getattr(given, "value", given)).lower()
    for strategy in AGGREGATIONS:
        if name == strategy:
            return strategy
    raise UsageError("aggregation_strategy", f"unknown: {given!r}", f"choose one of {', '.join(AGGREGATIONS)}")


def chunk_of(batch_size: int) -> int:
    """Texts that are read together: one at a time only where that is asked for.

    Raises:
        UsageError: it is not a positive number.
    """
    if batch_size < 1:
        raise UsageError("batch_size", f"{batch_size}", "give 1 or more")
    return 1 if batch_size == 1 else max(batch_size, CHUNK)


def device_of(given: Any, otherwise: str) -> str:
    """The candidate's device for what transformers calls a device.

    Raises:
        UsageError: it is neither the CPU nor the first GPU.
    """
    if given is None:
        return otherwise
    name = str(given)
    if name in ("cpu", "-1"):
        return "cpu"
    if name in ("cuda", "cuda:0", "0"):
        return "cuda"
    raise UsageError("device", f"{name!r}", "give 'cpu' or 'cuda'; CUDA_VISIBLE_DEVICES says which GPU that is")


def _items(inputs: Any) -> Iterator[Any]:
    """What comes out of an iterable, or of a data set that is only read by number."""
    if isinstance(inputs, Iterable):
        return iter(inputs)
    return (inputs[number] for number in range(len(inputs)))


def _checked(given: Any, words: bool) -> Any:
    """An input as it must be.

    Raises:
        UsageError: it is a text where words are wanted, or the other way around.
    """
    if words and not (isinstance(given, (list, tuple)) and all(isinstance(word, str) for word in given)):
        raise UsageError("inputs", f"{given!r:.40} is not a list of words", "leave is_split_into_words out")
    if not words and not isinstance(given, str):
        raise UsageError("inputs", f"{given!r:.40} is not a text", "give strings, or is_split_into_words=True")
    return given


def _bounds(texts: Sequence[Sequence[str]], between: int) -> Any:
    """First and one past the last code point of each word, once words are joined. [words, 2]"""
    bounds: list[tuple[int, int]] = []
    for words in texts:
        place = 0
        for word in words:
            bounds.append((place, place + len(word)))
            place += len(word) + between
    return np.array(bounds, np.int32).reshape(-1, 2)
