"""One chunk of questions -> their answers: free texts and texts of words, and those that are refused.

It knows nothing of streams, threads, or where questions come from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from runtime.batch.chunks import Chunk
from runtime.concurrency import in_order
from runtime.encode.tokenizer import Encoded, Encoder
from runtime.errors import TextError
from runtime.one_text import OneText
from runtime.readers import Reader, Tokenized, WordReader
from runtime.text.answer import NOTHING, Answer, Document, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from runtime.text.sections import SECTION, sections_of


@dataclass(frozen=True, slots=True)
class Answered:
    """A chunk's answers.

    Attributes:
        found: of each text, its entities or labels; those of a text that is refused have no meaning.
        refused: number of a text in the chunk -> why it was not read.
    """

    found: Sequence[Any]
    refused: Mapping[int, TextError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answering:
    """How a chunk is answered.

    Attributes:
        encoder: the checkpoint's tokenizer.
        labels: the model's.
        reader: reads free text.
        words: reads texts of words.
        most: tokens of one part of a text, beyond which the text is refused; None: any number.
        by_section: read long texts section by section, which changes nothing where sentences are read by themselves.
        one: reads single short texts in less time than the reader, and finds the same.
    """

    encoder: Encoder
    labels: LabelSet
    reader: Reader[Any, Any]
    words: WordReader
    most: int | None
    by_section: bool
    one: OneText | None = None

    def short(self, text: str) -> list[Entity] | None:
        """Entities of a free text that is short; None of any other."""
        return self.one.entities(text) if self.one else None

    def texts(self, chunk: Chunk[str]) -> Answered:
        """Entities of free texts."""
        if len(chunk.items) == 1:
            entities = self.short(chunk.items[0])
            if entities is not None:
                return Answered([entities])
        long = {n for n, text in enumerate(chunk.items) if self.by_section and len(text) > SECTION}
        texts = ["" if n in long else text for n, text in enumerate(chunk.items)]
        tokens = self.reader.tokenize(texts)
        too_long = self.too_long(tokens)
        if too_long:
            tokens = self.reader.tokenize(["" if n in too_long else text for n, text in enumerate(texts)])
        refused = {number: self.refusal(chunk.before + number, size) for number, size in too_long.items()}
        found = self.reader.entities(tokens, self.reader.run(tokens))
        for number in sorted(long):
            try:
                found[number] = list(itertools.chain.from_iterable(self.sections(chunk.items[number])))
            except TextError as error:
                refused[number] = TextError(chunk.before + number + 1, error.problem, error.fix)
        return Answered(found, refused)

    def sections(self, text: str) -> Iterator[list[Entity]]:
        """Entities of a text, section by section, read on two threads and a few sections ahead.

        Raises:
            TextError: the text is refused, after the entities of the sections before.
        """
        places = sections_of(text) if self.by_section else [(0, len(text))]
        return in_order(lambda place: self._section(text, *place), places, workers=2)

    def _section(self, text: str, start: int, end: int) -> list[Entity]:
        tokens = self.reader.tokenize([text[start:end]])
        for size in self.too_long(tokens).values():
            raise self.refusal(0, size)
        [found] = self.reader.entities(tokens, self.reader.run(tokens))
        return [replace(entity, start=entity.start + start, end=entity.end + start) for entity in found]

    def sentences(self, chunk: Chunk[Sequence[str]], documents: Sequence[int] = ()) -> Answered:
        """Labels of texts of words; see Encoder.encode_words for `documents`."""
        encoded = self.encoder.encode_words(chunk.items, documents)
        too_long = self._long_sentences(encoded)
        if too_long:
            items = [() if n in too_long else text for n, text in enumerate(chunk.items)]
            encoded = self.encoder.encode_words(items, documents)
        refused = {number: self.refusal(chunk.before + number, size) for number, size in too_long.items()}
        return Answered(self.labels_of(encoded), refused)

    def questions(self, chunk: Chunk[Question]) -> Answered:
        """An Answer to each question."""
        answers = [NOTHING] * len(chunk.items)
        texts = {number: each for number, each in enumerate(chunk.items) if isinstance(each, str)}
        documents = {number: each for number, each in enumerate(chunk.items) if isinstance(each, Document)}
        words = {n: each for n, each in enumerate(chunk.items) if isinstance(each, Sequence) and n not in texts}
        # Each kind goes through the backend as one, so that texts and sentences fill their batches.
        if texts:
            found = self.texts(Chunk(chunk.before, [*texts.values()]))
            for place, number in enumerate(texts):
                refused = _numbered(found.refused.get(place), chunk.before + number + 1)
                answers[number] = Answer(refused=refused) if refused else Answer(found.found[place])
        if words:
            found = self.sentences(Chunk(chunk.before, [*words.values()]))
            for place, number in enumerate(words):
                refused = _numbered(found.refused.get(place), chunk.before + number + 1)
                answers[number] = Answer(refused=refused) if refused else Answer(labels=found.found[place])
        if documents:
            for number, answer in zip(documents, self._documents([*documents.values()])):
                answers[number] = answer
        return Answered(answers)

    def _documents(self, documents: Sequence[Document]) -> Iterator[Answer]:
        """An Answer to each document; refusals count the sentences of all of them."""
        flat = [words for document in documents for words in document.sentences]
        found = self.sentences(Chunk(0, flat), [len(document) for document in documents])
        answers = [
            Answer(refused=found.refused[n]) if n in found.refused else Answer(labels=labels)
            for n, labels in enumerate(found.found)
        ]
        end = 0
        for document in documents:
            start, end = end, end + len(document)
            yield Answer(sentences=answers[start:end])

    def labels_of(self, encoded: Encoded) -> list[list[str]]:
        """The label of every word, text by text."""
        names = np.array(self.labels.labels, dtype=object)
        labels = names[self.words.word_labels(encoded)].tolist()
        return [labels[start:end] for start, end in itertools.pairwise(encoded.word_start.tolist())]

    def too_long(self, tokens: Tokenized | Encoded) -> dict[int, int]:
        """Texts that are refused because of a part longer than the model: number of the text -> tokens of that part."""
        if self.most is None:
            return {}
        longest = tokens.longest
        return {number: int(longest[number]) for number in np.flatnonzero(longest > self.most).tolist()}

    def _long_sentences(self, encoded: Encoded) -> dict[int, int]:
        """The same for texts of words, each of which is one sentence."""
        sizes = np.diff(encoded.sentence_start)
        return {} if self.most is None else {n: int(sizes[n]) for n in np.flatnonzero(sizes > self.most).tolist()}

    def refusal(self, before: int, size: int) -> TextError:
        """Of a text that so many came before."""
        problem = f"{size:,} tokens, this model takes {self.most:,} at once"
        return TextError(before + 1, problem, "split it into shorter texts, at sentence ends")


def _numbered(refused: TextError | None, number: int) -> TextError | None:
    # Texts and sentences of a chunk are counted apart while they are answered; a caller counts questions.
    return refused and TextError(number, refused.problem, refused.fix)
