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
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from runtime.backends.base import NO_SETTINGS, Backend, BackendOptions, Goal
from runtime.backends.registry import open_candidate
from runtime.batch.chunks import Chunk, chunks
from runtime.batch.windowing import DEFAULT_WINDOWING, Windowing
from runtime.bundle.certificate import AUTO
from runtime.bundle.store import TOKENIZER, Bundle
from runtime.bundle.third_party import open_folder
from runtime.concurrency import in_order
from runtime.decode.options import BY_WORD, Decoding
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import BundleError, TextError, UsageError
from runtime.logits import Engine
from runtime.readers import PipelineReader, Reader, Tokenized, WordReader
from runtime.selection import Choice, choose, describe
from runtime.system.libraries import available_threads
from runtime.text.answer import NOTHING, Answer, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

# Texts that are tokenized, run and decoded together. Enough to sort by length well; more only costs memory.
CHUNK = 512


@dataclass(frozen=True, slots=True)
class _Answered:
    """A chunk's answers: by the place in the chunk, entities or labels, or why a text was not read."""

    found: Sequence[Any]
    refused: Mapping[int, TextError] = field(default_factory=dict)


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
        if encoder.largest_id >= vocabulary:
            problem = f"its ids reach {encoder.largest_id}, the model's embedding table ends at {vocabulary - 1}"
            raise BundleError("tokenizer", problem, "use the tokenizer that the checkpoint was trained with")
        capacity = max_length - len(encoder.special_tokens)
        self.labels = LabelSet(labels)
        self.max_length = max_length
        self.backend = backend
        self.about = about
        by_word = decoding.aggregation == "word"
        policy = windowing.settled("sentences" if by_word else "windows").policy
        if not by_word and policy != "windows":
            problem = f"{policy}, and aggregation {decoding.aggregation!r} reads texts whole, as the pipeline does"
            raise UsageError("reading", problem, "leave one of the two out")
        self._encoder, self._windowing = encoder, windowing
        self._engine = Engine(
            backend,
            encoder.special_tokens,
            capacity,
            windowing.overlap(capacity),
            windowing.context if policy == "context" else 0,
            len(labels),
        )
        self._words = WordReader(encoder, self._engine, self.labels, decoding, sentences=policy != "windows")
        self.reader: Reader[Any, Any] = self._words
        """How free text is read; see runtime.readers. Its steps can be taken one by one."""
        if not by_word:
            self.reader = PipelineReader(RawEncoder(encoder.path), self._engine, self.labels, decoding)

    @classmethod
    def open(
        cls,
        bundle: str | PathLike[str] | Bundle,
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

        >>> from runtime import Decoding
        >>> with Tagger.open(bundle, decoding=Decoding(thresholds={"PER": 0.5}, ignore=["LOC"])) as tagger:
        ...     [entity.text for entity in tagger.tag(["Angela Merkel visited Paris."])[0]]
        ['Angela Merkel']

        Args:
            bundle: the folder that export made, or one that others made (see runtime.bundle.third_party); or a Bundle.
            candidate: what to run: a Candidate of the bundle; a Wanted, which leaves some of it open; or "auto", the
                fastest certified one that is installed. A certificate is what makes that safe.
            goal: many texts in the least time, each single one in the least time, or a few texts, this start included.
            threads: for the backend; 0 takes every CPU that this process may use.
            windowing: how a text is cut for the model.
            decoding: how logits become entities.
            settings: of the backend's library, in its own words; see runtime.backends.onnxruntime_cuda.
            checkpoint: for the backend pytorch, a folder; empty: it is where the manifest says.
            allow_uncertified: run a candidate that holds no passing certificate.

        Raises:
            BundleError: the bundle is missing, damaged, or holds no such candidate.
            UncertifiedError: no candidate that is left holds a passing certificate.
            BackendError: the backend is unknown, not installed, or cannot load the file.
            UsageError: a value that there is not; the message lists those that there are.
        """
        opened = bundle if isinstance(bundle, Bundle) else open_folder(bundle, allow_uncertified=allow_uncertified)
        manifest = opened.manifest
        chosen = choose(opened, candidate, certified=not allow_uncertified, goal=goal)
        options = BackendOptions(
            threads=threads or available_threads(),
            goal=goal,
            certified=not allow_uncertified,
            checkpoint=Path(checkpoint) if checkpoint else None,
            settings=settings,
        )
        return cls(
            Encoder(opened.file(TOKENIZER)),
            manifest.labels,
            open_candidate(chosen, opened, options),
            max_length=manifest.max_length,
            vocabulary=manifest.vocabulary,
            windowing=windowing,
            decoding=decoding,
            about=describe(opened, chosen, candidate),
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
        for answered in self._chunk_by_chunk(self._tag, texts, chunk):
            for number, found in enumerate(answered.found):
                if number in answered.refused:
                    raise answered.refused[number]
                yield found

    def answers(self, questions: Iterable[Question], *, chunk: int = CHUNK) -> Iterator[Answer]:
        """One answer to each question, in order and lazily: free texts and texts of words mixed, refusals among them.

        Args:
            questions: any iterable, read ahead as `stream` does.
            chunk: see stream.
        """
        for answered in self._chunk_by_chunk(self._answer, questions, chunk):
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
            answers += self._labels_of(encoded)
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

    def _chunk_by_chunk(self, function: Any, questions: Iterable[Any], chunk: int) -> Iterator[_Answered]:
        """The function's answers to chunks of questions, in order."""
        # While the backend is busy with one chunk, the next is tokenized, and the one before is decoded.
        return in_order(function, chunks(questions, chunk), workers=1 if chunk == 1 else 2)

    def _tag(self, chunk: Chunk[str]) -> _Answered:
        """Entities of a chunk of free texts; those of a text that is refused have no meaning."""
        tokens = self.reader.tokenize(chunk.items)
        too_long = self._too_long(tokens)
        if too_long:
            tokens = self.reader.tokenize(["" if n in too_long else text for n, text in enumerate(chunk.items)])
        refused = {number: self._refusal(chunk.before + number, size) for number, size in too_long.items()}
        return _Answered(self.reader.entities(tokens, self.reader.run(tokens)), refused)

    def _tag_words(self, chunk: Chunk[Sequence[str]]) -> _Answered:
        """The same for texts of words, and labels."""
        encoded = self._encoder.encode_words(chunk.items)
        too_long = self._too_long(encoded)
        if too_long:
            encoded = self._encoder.encode_words([() if n in too_long else text for n, text in enumerate(chunk.items)])
        refused = {number: self._refusal(chunk.before + number, size) for number, size in too_long.items()}
        return _Answered(self._labels_of(encoded), refused)

    def _answer(self, chunk: Chunk[Question]) -> _Answered:
        """An Answer to each question of a chunk."""
        answers = [NOTHING] * len(chunk.items)
        texts = {number: each for number, each in enumerate(chunk.items) if isinstance(each, str)}
        words = {n: each for n, each in enumerate(chunk.items) if each is not None and not isinstance(each, str)}
        if texts:
            found = self._tag(Chunk(chunk.before, [*texts.values()]))
            for place, number in enumerate(texts):
                refused = found.refused.get(place)
                answers[number] = Answer(refused=refused) if refused else Answer(found.found[place])
        if words:
            found = self._tag_words(Chunk(chunk.before, [*words.values()]))
            for place, number in enumerate(words):
                refused = found.refused.get(place)
                answers[number] = Answer(refused=refused) if refused else Answer(labels=found.found[place])
        return _Answered(answers)

    def _labels_of(self, encoded: Encoded) -> list[list[str]]:
        """The label of every word, text by text."""
        names = np.array(self.labels.labels, dtype=object)
        labels = names[self._words.word_labels(encoded)].tolist()
        return [labels[start:end] for start, end in itertools.pairwise(encoded.word_start.tolist())]

    def _encoded_words(self, sentences: Sequence[Sequence[str]]) -> Iterator[Encoded]:
        """Tokens of sentences, chunk by chunk."""
        _refuse_string(sentences)
        for start in range(0, len(sentences), CHUNK):
            part = sentences[start : start + CHUNK]
            for words in part:
                _refuse_string(words)
            encoded = self._encoder.encode_words(part)
            for number, size in self._too_long(encoded).items():
                raise self._refusal(start + number, size)
            yield encoded

    def _too_long(self, tokens: Tokenized | Encoded) -> dict[int, int]:
        """Texts that are refused because of a part longer than the model: number of the text -> tokens of that part."""
        if self._windowing.long == "split":
            return {}
        longest = tokens.longest
        return {number: int(longest[number]) for number in np.flatnonzero(longest > self._engine.capacity).tolist()}

    def _refusal(self, before: int, size: int) -> TextError:
        """Of a text that so many came before."""
        problem = f"{size:,} tokens, this model takes {self._engine.capacity:,} at once"
        return TextError(before + 1, problem, "split it into shorter texts, at sentence ends")


def _refuse_string(given: object) -> None:
    """A string is a sequence of strings, too, and would be read letter by letter.

    Raises:
        UsageError: it is one.
    """
    if isinstance(given, str):
        raise UsageError("texts", f"one string is given ({given[:20]!r}...)", "give a list, even of one")
