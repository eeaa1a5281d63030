"""Tagger: the one object that users hold. It joins tokenizer, engine and decoder, and does none of their work.

>>> tagger = Tagger.open(Path("build/bundle"))                                           # doctest: +SKIP
>>> tagger.tag(["Angela Merkel visited Paris."])                                         # doctest: +SKIP
[[Entity(label='PER', text='Angela Merkel', start=0, end=13, score=0.99), Entity(label='LOC', text='Paris', ...)]]
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from runtime.backends import Backend, Options, available_threads, open_backend
from runtime.bundle import TOKENIZER, Precision, open_bundle
from runtime.decode import entities_from_tags, tags_from_logits
from runtime.encode import Encoded, Encoder
from runtime.entity import Entity
from runtime.errors import BundleError, TextError, UsageError
from runtime.infer import piece_logits
from runtime.spans import OUTSIDE, LabelSet
from runtime.windows import windows_of
from runtime.words import split_words

Long = Literal["split", "error"]

# Texts that are encoded, run and decoded together. Enough to sort by length well; more only costs memory.
CHUNK = 512
# Share of a window that the next one reads again, unless told otherwise.
STRIDE_SHARE = 0.25
# Logits of a word that the tokenizer turns into nothing: surely outside, and finite so that arithmetic stays so.
_SURELY_NOT = -1e4


class Tagger:
    """Finds named entities in texts.

    Args:
        encoder: the checkpoint's tokenizer.
        labels: label names in the order of the logits; "O" is among them.
        backend: the engine.
        max_length: most word pieces a row can hold, special ones included.
        vocabulary: rows of the embedding table.
        long: what to do with a text longer than max_length: split it into windows, or refuse it.
        stride: word pieces that neighbouring windows share; "auto" is a quarter of a window.

    Raises:
        UsageError: the stride leaves a window nothing of its own.
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
    ) -> None:
        if encoder.largest_id >= vocabulary:
            found = f"its ids reach {encoder.largest_id}, the model's embedding table ends at {vocabulary - 1}"
            raise BundleError("tokenizer", found, "use the tokenizer that the checkpoint was trained with")
        self._capacity = max_length - len(encoder.frame)
        self._stride = int(STRIDE_SHARE * self._capacity) if stride == "auto" else stride
        if not 0 <= self._stride < self._capacity:
            raise UsageError("stride", f"{stride}", f"give 0 to {self._capacity - 1}, fewer pieces than a window has")
        self.labels = LabelSet(labels)
        self.max_length = max_length
        self.backend = backend
        self._encoder = encoder
        self._long = long
        self._nothing = np.where(np.array(labels) == OUTSIDE, 0, _SURELY_NOT).astype(np.float32)

    @classmethod
    def open(
        cls,
        bundle: Path,
        *,
        backend: str = "onnxruntime",
        precision: Precision = "fp32",
        threads: int = 0,
        checkpoint: Path | None = None,
        allow_uncertified: bool = False,
        long: Long = "split",
        stride: int | Literal["auto"] = "auto",
    ) -> Self:
        """A tagger on a bundle, verified and certified.

        Args:
            bundle: the folder that export made.
            backend: a name in runtime.backends.BACKENDS.
            precision: of the graph.
            threads: for the engine; 0 takes every processor that this process may use.
            checkpoint: for the backend pytorch; left out, it is where the manifest says.
            allow_uncertified: run a candidate that holds no passing certificate.
            long, stride: see the class.

        Raises:
            BundleError: the bundle is missing, damaged, or not certified for this candidate.
            BackendError: the backend is unknown, not installed, or cannot load the graph.
        """
        opened = open_bundle(bundle)
        options = Options(
            precision=precision,
            threads=threads or available_threads(),
            checkpoint=checkpoint or Path(opened.manifest.checkpoint.name),
            certified=not allow_uncertified,
        )
        manifest = opened.manifest
        return cls(
            Encoder(opened.file(TOKENIZER)),
            manifest.labels,
            open_backend(backend, opened, options),
            max_length=manifest.max_length,
            vocabulary=manifest.vocabulary,
            long=long,
            stride=stride,
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
            texts: any iterable; it is read `chunk` texts ahead.
            chunk: texts that share batches. 1 answers each text before it asks for the next.

        Raises:
            TextError: a text is longer than the model and `long` is "error", after the answers to all texts before it.
        """
        source = iter(texts)
        before = 0
        while group := list(itertools.islice(source, chunk)):
            try:
                yield from self._tag(group, before)
            except TextError as error:
                yield from self._tag(group[: error.number - before - 1], before)
                raise
            before += len(group)

    def tag_words(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """A label for every word of texts that are cut into words already.

        Raises:
            TextError: a text is longer than the model and `long` is "error"; the message counts from 1.
        """
        names = np.array(self.labels.labels, dtype=object)
        starts = np.cumsum([0, *map(len, sentences)])
        labels = names[self.word_logits(sentences).argmax(axis=1)].tolist()
        return [labels[start:end] for start, end in itertools.pairwise(starts.tolist())]

    def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Logits of every word of texts that are cut into words already, one text after another. [words, labels]

        A word that the tokenizer turns into nothing gets 0 for "O" and -10,000 for every other label.

        Raises:
            TextError: a text is longer than the model and `long` is "error"; the message counts from 1.
        """
        starts = range(0, len(sentences), CHUNK)
        chunks = [self._logits(self._encode(sentences[start : start + CHUNK], start)) for start in starts]
        return np.concatenate([np.empty((0, len(self._nothing)), np.float32), *chunks])

    def close(self) -> None:
        """Give back the engine's memory and threads."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tag(self, texts: Sequence[str], before: int) -> list[list[Entity]]:
        offsets = [split_words(text) for text in texts]
        words = [[text[start:end] for start, end in spans] for text, spans in zip(texts, offsets)]
        encoded = self._encode(words, before)
        tags = tags_from_logits(self._logits(encoded))
        return entities_from_tags(tags, self.labels, encoded.word_start, texts, offsets)

    def _encode(self, sentences: Sequence[Sequence[str]], before: int) -> Encoded:
        """Word pieces; `before` texts came earlier, so that an error counts as the user does."""
        encoded = self._encoder.encode(sentences)
        if self._long == "error":
            pieces = np.diff(encoded.text_start)
            for number in np.flatnonzero(pieces > self._capacity).tolist():
                found = f"{pieces[number]:,} word pieces, this model takes {self._capacity:,} at once"
                raise TextError(before + number + 1, found, "split it into shorter texts, at sentence ends")
        return encoded

    def _logits(self, encoded: Encoded) -> NDArray[np.float32]:
        """Logits of each word's first piece. [words, labels]"""
        windows = windows_of(encoded.text_start, capacity=self._capacity, stride=self._stride)
        pieces = piece_logits(self.backend, encoded.ids, windows, self._encoder.frame, labels=len(self._nothing))
        words = np.tile(self._nothing, (len(encoded.word_piece), 1))
        known = encoded.word_piece >= 0
        words[known] = pieces[encoded.word_piece[known]]
        return words
